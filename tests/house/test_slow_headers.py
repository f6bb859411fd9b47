#!/usr/bin/env python3
"""Every header compiles alone."""
import argparse
import pathlib
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

ROOT = pathlib.Path(__file__).resolve().parents[2]


def compiles(path):
    name = path.relative_to(ROOT).as_posix()
    run = subprocess.run(["g++", "-std=c++20", "-Wall", "-Wextra", "-Werror", "-fsyntax-only", "-mavx2", "-mfma", "-mf16c",
                          "-DATTEST_SOURCE_DIR=\"\"", "-DBOOST_TEST_DYN_LINK", "-I", str(ROOT), "-x", "c++", "-"],
                         input=f'#include "{name}"\n', capture_output=True, text=True)
    return name, run.returncode == 0, run.stderr


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--attest")
    parser.add_argument("--build")
    parser.parse_args()
    headers = [path for folder in ("harness", "reference", "reports", "tests", "variants")
               for path in sorted((ROOT / folder).rglob("*.hpp")) if not path.name.endswith(".inc.hpp")]
    assert len(headers) > 20
    failed = 0
    with ThreadPoolExecutor(2) as pool:
        for name, good, message in pool.map(compiles, headers):
            if not good:
                failed += 1
                print(f"{name} does not compile alone:\n{message}")
    print(f"{len(headers) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
