#!/usr/bin/env python3
"""Writes the texts that the reports give now as the approved ones. Look at `git diff` before you commit them.

usage: tests/golden/approve.py BUILD_FOLDER     (build/dev, say; its program test_golden must be built)
"""
import os
import pathlib
import shutil
import subprocess
import sys


def main():
    if len(sys.argv) != 2 or sys.argv[1] in ("-h", "--help"):
        print(__doc__.strip())
        return 0 if len(sys.argv) == 2 else 2
    here = pathlib.Path(__file__).resolve().parent
    program = pathlib.Path(sys.argv[1]) / "test_golden"
    if not program.is_file():
        print(f"{program}: is not there; build the target test_golden first", file=sys.stderr)
        return 2
    # Texts that nothing gives any more must go.
    shutil.rmtree(here / "approved", ignore_errors=True)
    result = subprocess.run([program, "--run_test=approved_reports"], env={**os.environ, "ATTEST_APPROVE": "1"})
    return result.returncode


if __name__ == "__main__":
    sys.exit(main())
