#!/usr/bin/env python3
"""The backends cuda and emulated as the command line's users meet them: what is absent is said with exit code 5, the
emulator's shared library is a driver like another, and nothing emulated ever has a time."""

import json
import pathlib
import tempfile

from command_line import expect, finish, options, refuses, run

LIBRARY = pathlib.Path(options.build).resolve() / "libattest_cuda.so"
PROBLEM = ["hq2 sq5 skv9 d32", "--kernel", "standard/cuda_naive", "--threads", "1"]


def cells(*arguments, code=0, **more):
    result = run(*arguments, "--json", **more)
    expect(result.returncode == code, f"{arguments} ends with {result.returncode}, not {code}: {result.stderr}")
    return json.loads(result.stdout or "[]")


def what_is_here():
    backends = [entry["backend"] for entry in json.loads(run("list", "backends", "--json").stdout)]
    expect(backends == ["cpu", "cuda", "emulated"], f"the backends are {backends}")
    doctor = {entry["what"]: entry for entry in json.loads(run("doctor", "--json").stdout)}
    for what in ("nvcc at build time", "device code", "emulator", "CUDA device", "backend cuda", "backend emulated"):
        expect(what in doctor, f"doctor does not speak of {what}")
    expect(doctor["emulator"]["works"], f"the emulator: {doctor['emulator']['detail']}")
    device = json.loads(run("doctor", "--json", environment={"ATTEST_CUDA_DRIVER": str(LIBRARY)}).stdout)
    detail = next(entry for entry in device if entry["what"] == "CUDA device")
    expect(detail["works"] and "compute capability 8.0" in detail["detail"], f"doctor with the library: {detail}")
    return doctor["device code"]["works"]


def without_a_device():
    refuses(5, ["no device is here", "/nowhere/libcuda.so.1", "cannot be loaded"], "check", "--backend", "cuda",
            environment={"ATTEST_CUDA_DRIVER": "/nowhere/libcuda.so.1"})
    refuses(5, ["no device is here", "libm.so.6", "has no function cuInit"], "check", "--backend", "cuda",
            environment={"ATTEST_CUDA_DRIVER": "libm.so.6"})
    refuses(2, ["ATTEST_SANITIZE", "perhaps", "on or off"], "check", environment={"ATTEST_SANITIZE": "perhaps"})
    refuses(2, ["emulatd", "known are cpu cuda emulated"], "check", "--backend", "emulatd")


def without_device_code():
    refuses(5, ["emulated", "CUDA kernels are absent", "nvcc"], "check", "--backend", "emulated")


def a_resumed_sweep_runs_again_what_the_sanitizer_has_not_seen():
    with tempfile.TemporaryDirectory() as folder:
        (pathlib.Path(folder) / "s.toml").write_text("[[sweep]]\nkernels = ['standard/cuda_naive', 'standard/cpu_naive']\n"
                                                     "backends = ['emulated', 'cpu']\nproblem = 'sq5 d32'\nrounds = 0\n")

        def sweep(*more):
            result = run("sweep", "s.toml", "--no-peaks", "--threads", "1", "--json", *more, cwd=folder)
            expect(result.returncode == 0, f"the sweep with {more} ends with {result.returncode}: {result.stderr}")
            sanitized = {record["backend"]: record.get("sanitized", False) for record in json.loads(result.stdout)}
            return result.stderr.splitlines()[0], sanitized

        expect(sweep() == ("2 cells, 0 of them complete in s.db", {"emulated": False, "cpu": False}), "a first sweep")
        expect(sweep("--sanitize") == ("2 cells, 1 of them complete in s.db", {"emulated": True, "cpu": False}),
               "only the emulated cell is run again with the sanitizer")
        for more in ([], ["--sanitize"]):
            expect(sweep(*more) == ("2 cells, 2 of them complete in s.db", {"emulated": True, "cpu": False}),
                   f"a cell that the sanitizer has seen is complete {more}")


def with_device_code():
    for arguments in (["check", *PROBLEM, "--backend", "emulated", "--sanitize"],
                      ["bench", *PROBLEM, "--backend", "emulated"]):
        found = cells(*arguments)
        expect(len(found) == 1 and found[0]["verdict"] == "passed", f"{arguments}: {found}")
        for key in ("seconds_median", "samples", "gflops"):
            expect(not found[0].get(key), f"{arguments}: an emulated cell has {key}")
        expect(found[0].get("workspace_bytes_measured") == found[0].get("workspace_bytes_predicted"),
               f"{arguments}: workspace {found[0].get('workspace_bytes_measured')}")
    refuses(2, ["--sanitize", "add --backend emulated"], "check", *PROBLEM, "--sanitize")
    sanitized = cells("check", *PROBLEM, "--backend", "emulated", "--sanitize")[0]
    expect(sanitized["reproduce"].endswith(" --sanitize"), f"what reproduces a cell: {sanitized['reproduce']}")
    emulated = cells("check", *PROBLEM, "--backend", "emulated")[0]
    expect("--sanitize" not in emulated["reproduce"], f"what reproduces a cell: {emulated['reproduce']}")
    through_library = cells("check", *PROBLEM, "--backend", "cuda", environment={"ATTEST_CUDA_DRIVER": str(LIBRARY)})[0]
    expect(through_library["verdict"] == "passed", f"through the library: {through_library}")
    expect(through_library["max_abs_error"] == emulated["max_abs_error"], "the library computes something else")


has_code = what_is_here()
without_a_device()
if has_code:
    with_device_code()
    a_resumed_sweep_runs_again_what_the_sanitizer_has_not_seen()
else:
    without_device_code()
finish()
