#!/usr/bin/env python3
"""The backends cuda and emulated as the command line's users meet them: what is absent is said with exit code 5, the
emulator's shared library is a driver like another, and nothing emulated ever has a time."""

import argparse
import json
import os
import pathlib
import re
import subprocess
import sys

parser = argparse.ArgumentParser()
parser.add_argument("--attest", required=True)
parser.add_argument("--build", required=True)
options = parser.parse_args()
options.attest = os.path.abspath(options.attest)
LIBRARY = pathlib.Path(options.build).resolve() / "libattest_cuda.so"
PROBLEM = ["hq2 sq5 skv9 d32", "--kernel", "standard/cuda_naive", "--threads", "1"]
checks, failures = 0, []


def run(*arguments, **environment):
    clean = {name: value for name, value in os.environ.items() if name not in ("ATTEST_CUDA_DRIVER", "ATTEST_SANITIZE")}
    return subprocess.run([options.attest, *arguments], capture_output=True, text=True, timeout=300,
                          env={**clean, **environment})


def expect(condition, what):
    global checks
    checks += 1
    if not condition:
        failures.append(what)
        print("FAILED:", what)


def refuses(code, words, *arguments, **environment):
    result = run(*arguments, **environment)
    expect(result.returncode == code, f"{arguments} ends with {result.returncode}, not {code}: {result.stderr}")
    expect(re.fullmatch(r"attest: [^\n]+\n", result.stderr), f"{arguments} is no one-line error: {result.stderr!r}")
    for word in words:
        expect(word in result.stderr, f"{arguments} does not say {word!r}: {result.stderr!r}")


def cells(*arguments, code=0, **environment):
    result = run(*arguments, "--json", **environment)
    expect(result.returncode == code, f"{arguments} ends with {result.returncode}, not {code}: {result.stderr}")
    return json.loads(result.stdout or "[]")


def test_what_is_here():
    backends = [entry["backend"] for entry in json.loads(run("list", "backends", "--json").stdout)]
    expect(backends == ["cpu", "cuda", "emulated"], f"the backends are {backends}")
    doctor = {entry["what"]: entry for entry in json.loads(run("doctor", "--json").stdout)}
    for what in ("nvcc at build time", "device code", "emulator", "CUDA device", "backend cuda", "backend emulated"):
        expect(what in doctor, f"doctor does not speak of {what}")
    expect(doctor["emulator"]["works"], f"the emulator: {doctor['emulator']['detail']}")
    device = json.loads(run("doctor", "--json", ATTEST_CUDA_DRIVER=str(LIBRARY)).stdout)
    detail = next(entry for entry in device if entry["what"] == "CUDA device")
    expect(detail["works"] and "compute capability 8.0" in detail["detail"], f"doctor with the library: {detail}")
    return doctor["device code"]["works"]


def test_without_a_device():
    refuses(5, ["no device is here", "/nowhere/libcuda.so.1", "cannot be loaded"], "check", "--backend", "cuda",
            ATTEST_CUDA_DRIVER="/nowhere/libcuda.so.1")
    refuses(5, ["no device is here", "libm.so.6", "has no function cuInit"], "check", "--backend", "cuda",
            ATTEST_CUDA_DRIVER="libm.so.6")
    refuses(2, ["ATTEST_SANITIZE", "perhaps", "on or off"], "check", ATTEST_SANITIZE="perhaps")
    refuses(2, ["emulatd", "known are cpu cuda emulated"], "check", "--backend", "emulatd")


def test_without_device_code():
    refuses(5, ["emulated", "CUDA kernels are absent", "nvcc"], "check", "--backend", "emulated")


def test_with_device_code():
    for arguments in (["check", *PROBLEM, "--backend", "emulated", "--sanitize"],
                      ["bench", *PROBLEM, "--backend", "emulated"]):
        found = cells(*arguments)
        expect(len(found) == 1 and found[0]["verdict"] == "passed", f"{arguments}: {found}")
        for key in ("seconds_median", "samples", "gflops"):
            expect(not found[0].get(key), f"{arguments}: an emulated cell has {key}")
        expect(found[0].get("workspace_bytes_measured") == found[0].get("workspace_bytes_predicted"),
               f"{arguments}: workspace {found[0].get('workspace_bytes_measured')}")
    emulated = cells("check", *PROBLEM, "--backend", "emulated")[0]
    through_library = cells("check", *PROBLEM, "--backend", "cuda", ATTEST_CUDA_DRIVER=str(LIBRARY))[0]
    expect(through_library["verdict"] == "passed", f"through the library: {through_library}")
    expect(through_library["max_abs_error"] == emulated["max_abs_error"], "the library computes something else")


def main():
    has_code = test_what_is_here()
    test_without_a_device()
    if has_code:
        test_with_device_code()
    else:
        test_without_device_code()
    print(f"{checks - len(failures)} passed, {len(failures)} failed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
