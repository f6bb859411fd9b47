"""What the tests of the command line share: the program under test, one-line refusals, and the report of a test program."""

import argparse
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time

parser = argparse.ArgumentParser()
parser.add_argument("--attest", required=True)
parser.add_argument("--build")
options = parser.parse_args()
options.attest = os.path.abspath(options.attest)

passed = 0
failures = []


def expect(condition, what):
    global passed
    if condition:
        passed += 1
    else:
        failures.append(what)
        print("FAILED:", what)


def run(*arguments, environment=None, timeout=300, **more):
    """The finished process. Options that the surroundings may hold do not reach it."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("ATTEST_")}
    return subprocess.run([options.attest, *map(str, arguments)], capture_output=True, text=True, timeout=timeout,
                          env={**clean, **(environment or {})}, **more)


def refuses(code, words, *arguments, **more):
    """One line on standard error that begins with `attest: `, has the words and names no place twice; nothing on standard
    output."""
    result = run(*arguments, **more)
    expect(result.returncode == code, f"{arguments} ends with {result.returncode}, not {code}: {result.stderr}")
    expect(re.fullmatch(r"attest: [^\n]+\n", result.stderr), f"{arguments} is no one-line error: {result.stderr!r}")
    expect(not re.search(r": (.+?): \1: ", result.stderr), f"{arguments} names a place twice: {result.stderr!r}")
    for word in [words] if isinstance(words, str) else words:
        expect(word in result.stderr, f"{arguments} does not say {word!r}: {result.stderr!r}")
    expect(result.stdout == "", f"{arguments} prints {result.stdout!r}")


def finish():
    """Ends the program as ctest and test.sh expect it."""
    print(f"{passed} passed, {len(failures)} failed")
    sys.exit(1 if failures else 0)


def run_tests(names):
    """Runs the functions test_*, those that take a `folder` in an empty one of their own, and ends the program."""
    for name, test in list(names.items()):
        if not name.startswith("test_"):
            continue
        start = time.time()
        if "folder" in test.__code__.co_varnames[:test.__code__.co_argcount]:
            with tempfile.TemporaryDirectory() as made:
                test(pathlib.Path(made))
        else:
            test()
        print(f"{time.time() - start:6.2f} s  {name}")
    finish()
