#!/usr/bin/env python3
"""The arrows of the project: which folder may include what. Link edges alone do not stop an include.

Each quoted include must be a path from the root to a file that exists, and lie in the includer's list; each angled
include of a package with a home must come from that home. The checker is tested on planted violations first.
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]

# Longest prefix wins; the values are prefixes that may be included.
CORE = ["harness/core/"]
ARROWS = {
    "harness/core/": CORE,
    "reference/": CORE + ["reference/"],
    "harness/inputs/": CORE + ["harness/inputs/"],
    "harness/backends/": CORE + ["harness/backends/"],
    "harness/backends/emulator/": ["harness/backends/emulator/"],
    "harness/verify/": CORE + ["reference/", "harness/verify/"],
    "harness/measure/": CORE + ["harness/backends/", "harness/measure/"],
    "harness/store/": CORE + ["harness/store/"],
    "harness/sweep/": CORE + ["harness/inputs/", "harness/verify/", "harness/measure/", "harness/backends/",
                              "harness/store/", "harness/sweep/"],
    "harness/cli/": CORE + ["harness/inputs/", "harness/verify/", "harness/measure/", "harness/backends/",
                            "harness/store/", "harness/sweep/", "harness/cli/", "reports/"],
    "reports/": CORE + ["harness/store/", "harness/measure/", "reports/"],
    "variants/common/": CORE + ["variants/common/"],
    "tests/ptx/": ["harness/backends/emulator/", "tests/ptx/", "tests/support/"],
    "tests/": ["harness/", "reference/", "reports/", "tests/", "variants/common/"],
}
# Packages with a home; fmt is free.
HOMES = {
    r"^xtensor/|^xtl/": ["reference/", "tests/", "variants/*/oracle.cpp"],
    r"^benchmark/": ["harness/measure/"],
    r"^boost/test/": ["tests/", "variants/*/test.cpp"],
    r"^rapidcheck": ["tests/"],
    r"^sqlite3\.h": ["harness/store/", "tests/"],
    r"^zip\.h": ["harness/inputs/"],
    r"^toml\+\+/": ["harness/sweep/", "harness/cli/", "tests/"],
    r"^CLI/": ["harness/cli/"],
    r"^cblas\.h|^openblas": ["variants/"],
    r"^omp\.h": ["variants/", "harness/measure/"],
    r"^Random123/": ["reference/", "harness/inputs/", "tests/"],
}
# A variant's oracle, in one file or several.
ORACLE = re.compile(r"oracle(_\w+)?\.[ch]pp$")
INCLUDE = re.compile(r'^\s*#\s*include\s*(?:"([^"]+)"|<([^>]+)>)')


def in_variant(path):
    parts = path.split("/")
    return len(parts) > 2 and parts[0] == "variants" and parts[1] != "common"


def allowed_for(path):
    if in_variant(path):
        folder = "/".join(path.split("/")[:2]) + "/"
        name = path.split("/")[-1]
        if name == "test.cpp":
            return ARROWS["tests/"] + [folder]
        if ORACLE.match(name):
            return CORE + ["reference/", folder]
        return CORE + ["variants/common/", folder]
    best = max((prefix for prefix in ARROWS if path.startswith(prefix)), key=len, default=None)
    return ARROWS[best] if best else None


def at_home(path, homes):
    return any(pathlib.PurePath(path).match(home) if "*" in home else path.startswith(home) for home in homes)


def complaints(path, text, exists):
    """Every violation of `path` holding `text`; exists(name) says whether a path from the root is a file."""
    found = []
    allowed = allowed_for(path)
    if allowed is None:
        return [f"{path}: in no layer"]
    kernel = in_variant(path) and re.search(r"/(cpu|cuda)[^/]*$", path)
    for number, line in enumerate(text.splitlines(), 1):
        match = INCLUDE.match(line)
        if not match:
            continue
        quoted, angled = match.groups()
        place = f"{path}:{number}"
        if quoted:
            if not exists(quoted):
                found.append(f'{place}: "{quoted}" is no path from the root')
            elif not any(quoted.startswith(prefix) for prefix in allowed):
                found.append(f'{place}: may not include "{quoted}"')
            if kernel and re.search(r"/(spec|oracle\w*)\.hpp$|harness/core/(oracle|counts)\.hpp$", quoted):
                found.append(f'{place}: a kernel may not see "{quoted}": a shared mask hides a shared bug')
        else:
            for package, homes in HOMES.items():
                if re.match(package, angled) and not at_home(path, homes):
                    found.append(f"{place}: <{angled}> has its home elsewhere")
    return found


def self_test():
    def exists(name):
        return True
    planted = [
        ("variants/flash2/cpu_tiled.cpp", '#include "reference/softmax_oracle.hpp"'),
        ("variants/linear/cpu_full.cpp", '#include "variants/linear/oracle_inputs.hpp"'),
        ("variants/flash2/cpu_tiled.cpp", '#include "variants/flash2/spec.hpp"'),
        ("variants/flash2/cpu_tiled.cpp", '#include "variants/gqa/variant.hpp"'),
        ("variants/linear/cpu_full.cpp", '#include "harness/core/counts.hpp"'),
        ("harness/core/problem.cpp", '#include "harness/store/store.hpp"'),
        ("reference/row.cpp", '#include "variants/common/cpu/tiles.hpp"'),
        ("harness/store/store.cpp", '#include "reports/model.hpp"'),
        ("harness/backends/emulator/load.cpp", '#include "harness/core/error.hpp"'),
        ("harness/cli/main.cpp", "#include <sqlite3.h>"),
        ("harness/verify/verify.cpp", "#include <xtensor/xarray.hpp>"),
        ("elsewhere/file.cpp", ""),
    ]
    missed = [f"{path}: {text}" for path, text in planted if not complaints(path, text, exists)]
    assert not missed, f"the checker misses {missed}"
    fine = [("variants/linear/oracle.cpp", '#include "reference/compensated.hpp"'),
            ("variants/linear/oracle_defects.cpp", '#include "reference/row_loops.hpp"'),
            ("harness/verify/verify.cpp", '#include "reference/softmax_oracle.hpp"')]
    assert not [row for path, text in fine for row in complaints(path, text, exists)]
    assert complaints("harness/core/a.cpp", '#include "problem.hpp"', lambda name: False)


def main():
    self_test()
    found, files = [], 0
    for folder in ("harness", "reference", "reports", "tests", "variants"):
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in (".cpp", ".hpp", ".cu", ".cuh"):
                files += 1
                name = path.relative_to(ROOT).as_posix()
                found += complaints(name, path.read_text(encoding="utf-8"), lambda n: (ROOT / n).is_file())
    for row in found:
        print(row)
    assert files > 20, f"only {files} files were looked at"
    print(f"{files} files keep the arrows" if not found else f"{len(found)} includes break them")
    print(f"{0 if found else 1} passed, {1 if found else 0} failed")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
