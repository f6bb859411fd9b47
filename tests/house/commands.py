"""What the slow tests of this folder share: commands that must end as expected, and a build inside the test."""

import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
KEPT = ("CMAKE_BUILD_TYPE", "CMAKE_CXX_COMPILER", "CMAKE_CXX_FLAGS", "CMAKE_CXX_FLAGS_RELWITHDEBINFO", "ATTEST_SANITIZE",
        "ATTEST_WERROR")


def run(*command, cwd=None, codes=(0,)):
    """Standard output of a command; what it printed is shown when it ends otherwise."""
    result = subprocess.run([str(word) for word in command], cwd=cwd, capture_output=True, text=True)
    if result.returncode not in codes:
        raise AssertionError(f"{command} ended with {result.returncode}:\n{result.stdout[-3000:]}{result.stderr[-3000:]}")
    return result.stdout


def configure(source, build, outer, *more):
    """Configures a build as `outer` is, which lends it the objects of all that is compiled alike; what CMake said."""
    cache = (outer / "CMakeCache.txt").read_text(encoding="utf-8")
    options = [f"-D{name}={match.group(1)}" for name in KEPT
               if (match := re.search(rf"^{name}:\w+=(.*)$", cache, re.MULTILINE))]
    launcher = ";".join(map(str, (sys.executable, pathlib.Path(__file__).with_name("reuse_objects.py"), outer, ROOT, build,
                                  source)))
    return run("cmake", "-S", source, "-B", build, "-G", "Ninja", f"-DCMAKE_CXX_COMPILER_LAUNCHER={launcher}", *options, *more)
