"""What the slow tests of this folder share: a command that must end as expected, or says what it said."""

import subprocess


def run(*command, cwd=None, codes=(0,)):
    """Standard output of a command; what it printed is shown when it ends otherwise."""
    result = subprocess.run([str(word) for word in command], cwd=cwd, capture_output=True, text=True)
    if result.returncode not in codes:
        raise AssertionError(f"{command} ended with {result.returncode}:\n{result.stdout[-3000:]}{result.stderr[-3000:]}")
    return result.stdout
