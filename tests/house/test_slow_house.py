#!/usr/bin/env python3
"""A new variant is one new folder and no edit elsewhere.

Copies the checkout beside the build, adds a throwaway variant's folder, builds, and asserts that git sees that folder
alone while list, check, ctest, sweep and the report include it.
"""
import argparse
import json
import pathlib
import shutil
import subprocess
import sys

from commands import ROOT, configure, run

HERE = pathlib.Path(__file__).resolve().parent
SWEEP = """
rounds = 1
max_seconds = 0.05

[[sweep]]
name = "house"
kernels = ["throwaway/*", "standard/cpu_naive"]
inputs = ["normal"]
problem = "hq2 d32 f32"
axes = { sq = [32, 64] }
"""


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--attest")
    parser.add_argument("--build", required=True)
    outer = pathlib.Path(parser.parse_args().build)
    house = outer / "house"
    source, build = house / "source", house / "build"
    shutil.rmtree(source, ignore_errors=True)
    source.mkdir(parents=True)
    tracked = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True,
                             check=True).stdout.split("\n")
    for name in filter(None, tracked):
        if (ROOT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, source / name)
    run("git", "init", "-q", cwd=source)
    run("git", "add", "-A", cwd=source)
    run("git", "-c", "user.name=house", "-c", "user.email=house@example.invalid", "commit", "-qm", "house", cwd=source)

    folder = source / "variants" / "throwaway"
    folder.mkdir()
    for path in (HERE / "throwaway").iterdir():
        shutil.copy(path, folder / path.name.removesuffix(".txt"))
    status = run("git", "status", "--porcelain", cwd=source).split()
    assert status == ["??", "variants/throwaway/"], f"git sees more than the folder: {status}"

    # The seams are what is tested: what was compiled outside is not compiled again.
    configure(source, build, outer, "-DATTEST_NVCC=none")
    run("cmake", "--build", build, "--target", "attest", "test_variant_throwaway", cwd=source)
    attest = build / "attest"

    kernels = json.loads(run(attest, "list", "kernels", "--json", cwd=house))
    assert any("throwaway/cpu_plain" in json.dumps(kernel) for kernel in kernels), "list kernels does not name it"
    checked = json.loads(run(attest, "check", "--kernel", "throwaway/*", "--json", cwd=house))
    assert checked and all(cell["kernel"] == "throwaway/cpu_plain" and cell["verdict"] == "passed" for cell in checked)
    listed = run("ctest", "--test-dir", build, "-N", cwd=source)
    assert "variant_throwaway" in listed, "ctest does not list its test"
    run("ctest", "--test-dir", build, "-R", "^variant_throwaway$", "--no-tests=error", cwd=source)

    (house / "house.toml").write_text(SWEEP, encoding="utf-8")
    for left_over in house.glob("house.db*"):
        left_over.unlink()
    run(attest, "sweep", "house.toml", "--store", "house.db", cwd=house)
    run(attest, "report", "house.db", "--out", "report", "--format", "md,html,csv,json", cwd=house)
    assert "throwaway/cpu_plain" in (house / "report" / "report.md").read_text(encoding="utf-8")
    assert "throwaway/cpu_plain" in (house / "report" / "report.html").read_text(encoding="utf-8")
    status = run("git", "status", "--porcelain", cwd=source).split()
    assert status == ["??", "variants/throwaway/"], f"building or running left files behind: {status}"
    print("1 passed, 0 failed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
