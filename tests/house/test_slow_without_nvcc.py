#!/usr/bin/env python3
"""A build without nvcc works: everything but the CUDA kernels is there, and what is absent is said."""
import argparse
import json
import pathlib
import subprocess
import sys

from commands import ROOT, configure, run

CLI_TEST = ROOT / "tests" / "harness" / "test_cuda_cli.py"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--attest")
    parser.add_argument("--build", required=True)
    outer = pathlib.Path(parser.parse_args().build)
    build = outer / "without_nvcc"
    configured = configure(ROOT, build, outer, "-DATTEST_NVCC=none", "-DATTEST_BUILD_TESTS=OFF")
    assert "CUDA kernels: absent" in configured, "configuring does not say that they are absent"
    run("cmake", "--build", build)
    attest = build / "attest"
    backends = {entry["backend"]: entry for entry in json.loads(run(attest, "list", "backends", "--json"))}
    assert not backends["emulated"]["available"] and "nvcc" in backends["emulated"]["reason"], backends
    doctor = {entry["what"]: entry for entry in json.loads(run(attest, "doctor", "--json"))}
    assert not doctor["nvcc at build time"]["works"] and "absent" in doctor["nvcc at build time"]["detail"], doctor
    kernels = json.loads(run(attest, "list", "kernels", "--json"))
    assert any(kernel["backend"] == "cuda" for kernel in kernels), "the CUDA kernels' descriptions are gone"
    checked = json.loads(run(attest, "check", "sq33 d32", "--json"))
    assert checked and all(cell["verdict"] == "passed" for cell in checked), checked
    run(sys.executable, CLI_TEST, "--attest", attest, "--build", build)
    wrong = subprocess.run(["cmake", "-S", str(ROOT), "-B", str(build / "wrong"), "-DATTEST_NVCC=/nowhere/nvcc"],
                           capture_output=True, text=True)
    assert wrong.returncode != 0 and "'/nowhere/nvcc' is no file" in " ".join(wrong.stderr.split()), wrong.stderr
    print("1 passed, 0 failed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
