#!/usr/bin/env python3
"""The manners of the house that a compiler does not check: formatting, file length, what each variant's folder holds."""
import pathlib
import re
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
FOLDERS = ("harness", "reference", "reports", "tests", "variants")
TOP = {"CMakeLists.txt", "CMakePresets.json", "README.md", "LICENSE", "CHANGELOG.md", "run.sh", "test.sh", ".ci",
       ".clang-format", ".gitignore", *FOLDERS}
LONGEST = 400


def sources():
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in (".cpp", ".hpp", ".cu", ".cuh"):
                yield path


def formatted():
    program = shutil.which("clang-format-14") or shutil.which("clang-format")
    if program is None or "version 14." not in subprocess.run([program, "--version"], capture_output=True, text=True).stdout:
        return ["clang-format 14 is not here; install clang-format-14"]
    run = subprocess.run([program, "--dry-run", "--Werror", *map(str, sources())], cwd=ROOT, capture_output=True, text=True)
    if run.returncode == 0:
        return []
    places = {match.group(1) for match in re.finditer(r"^(\S+?):\d+:\d+: error:", run.stderr, re.MULTILINE)}
    return sorted(f"{pathlib.Path(place).relative_to(ROOT)}: not as clang-format 14 writes it" for place in places)


def short():
    return [f"{path.relative_to(ROOT)}: {lines} lines, over {LONGEST}: two ideas in one file"
            for path in sources() if (lines := path.read_text(encoding="utf-8").count("\n")) > LONGEST]


def guarded():
    return [f"{path.relative_to(ROOT)}: no #pragma once" for path in sources()
            if path.suffix == ".hpp" and "#pragma once" not in path.read_text(encoding="utf-8")
            and not path.name.endswith(".inc.hpp")]


def strict_arithmetic():
    """Judges and truths are never built with fast-math."""
    found = []
    for path in [ROOT / "CMakeLists.txt", *sorted((ROOT / "harness/cmake").glob("*.cmake"))]:
        if re.search(r"-ffast-math|-Ofast|-funsafe-math", path.read_text(encoding="utf-8")):
            found.append(f"{path.relative_to(ROOT)}: fast-math")
    return found


def variant_folders():
    found, seen = [], 0
    for folder in sorted((ROOT / "variants").iterdir()):
        if folder.name == "common" or not folder.is_dir():
            continue
        seen += 1
        for name in ("README.md", "variant.cpp", "cases.toml", "test.cpp"):
            if not (folder / name).is_file():
                found.append(f"{folder.relative_to(ROOT)}: holds no {name}")
        if not (folder / "spec.hpp").is_file() and not (folder / "oracle.cpp").is_file():
            found.append(f"{folder.relative_to(ROOT)}: holds neither spec.hpp nor oracle.cpp")
    return found if seen else ["variants: no folder was looked at"]


def top_level():
    run = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    if run.returncode:
        return []
    names = {line.split("/")[0] for line in run.stdout.splitlines()}
    return [f"{name}: not at home at the top" for name in sorted(names - TOP)]


CHECKS = (formatted, short, guarded, strict_arithmetic, variant_folders, top_level)


def main():
    failed = 0
    for check in CHECKS:
        found = check()
        failed += bool(found)
        for row in found:
            print(f"{check.__name__}: {row}")
    print(f"{len(CHECKS) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
