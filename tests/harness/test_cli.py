"""The command line as its users meet it: lists, checks, JSON keys, exit codes, a table of wrong input (each must be one
line on standard error, with its code, and leave nothing behind), and a sweep that is killed and goes on."""

import json
import os
import pathlib
import re
import signal
import sqlite3
import subprocess
import time

import numpy

from command_line import expect, options, refuses, run, run_tests

SOURCE = pathlib.Path(__file__).resolve().parents[2]
ALWAYS = "kernel backend problem inputs verdict reason rows_checked max_abs_error rmse error_over_bound".split()
TIMED = ("seconds_median seconds_ci_low seconds_ci_high samples gflops percent_of_peak workspace_bytes_measured "
         "workspace_bytes_predicted").split()
SWEEP = """
rounds = 2
min_samples = 6
max_seconds = 0.01
threads = 1
[[sweep]]
kernels = ["standard/cpu_naive", "standard/cpu_blas", "flash2/cpu_tiled"]
problem = "hq2 d32"
axes = { sq = "8:64:8" }
"""


def passes(*arguments, **more):
    result = run(*arguments, **more)
    expect(result.returncode == 0, f"{arguments} ends with {result.returncode}: {result.stderr}")
    return result.stdout


def test_lists_name_what_there_is():
    kernels = {entry["kernel"] for entry in json.loads(passes("list", "kernels", "--json"))}
    variants = {entry["variant"] for entry in json.loads(passes("list", "variants", "--json"))}
    expect({"standard/cpu_naive", "standard/cpu_blas", "flash2/cpu_tiled", "flash2/cpu_split_kv", "gqa/cpu_packed",
            "gqa/cpu_decode", "sliding_window/cpu_banded", "cross/cpu_tiled", "linear/cpu_full", "linear/cpu_chunked",
            "linear/cpu_recurrent", "multihead/cpu"} <= kernels, f"kernels are {kernels}")
    expect(variants == {kernel.split("/")[0] for kernel in kernels}, f"variants are {variants}")
    expect(json.loads(passes("list", "backends", "--json"))[0]["backend"] == "cpu", "cpu is the first backend")
    models = {entry["model"]: entry for entry in json.loads(passes("list", "models", "--json"))}
    expect(models["llama3-8b"]["kv_bytes_per_token_16_bit"] == 131072, "the cache of llama3-8b")
    expect("minilm" in passes("list", "inputs"), "minilm is an input")
    first = passes("list", "kernels").splitlines()[0]
    expect(first.split() == ["kernel", "backend", "same", "bits", "summary"], f"the heading is {first}")
    expect("\033" not in first and "\033[" in passes("list", "kernels", "--color", "always"), "colour is by --color")


def test_help_is_the_manual_and_has_every_option():
    manual = (SOURCE / "harness/cli/help.md").read_text()
    source = (SOURCE / "harness/cli/command_line.cpp").read_text()
    expect(passes("--help").strip() in manual, "--help is the head of help.md")
    for command in "list check bench sweep report compare merge emulate peaks doctor".split():
        text = passes(command, "--help")
        expect(f"attest {command}" in text and text.strip() in manual, f"{command} --help is a part of help.md")
    for option in set(re.findall(r'"[!,]*(--[a-z-]+)', source)):
        expect(option in manual, f"{option} is not in help.md")
    expect(re.match(r"attest \d+\.\d+\.\d+ \(", passes("--version")), "--version")


def test_check_gives_the_documented_keys():
    records = json.loads(passes("check", "hq2 sq24 d32 causal", "--threads", "1", "--json"))
    expect({"standard/cpu_naive", "flash2/cpu_tiled"} <= {record["kernel"] for record in records}, "kernels of a check")
    for record in records:
        expect(set(ALWAYS) <= set(record), f"keys are {list(record)}")
        expect(record["verdict"] == "passed" and "seconds_median" not in record, f"a check is {record['verdict']}")
        expect(record["problem"] == "b1 hq2 sq24 d32 f32 causal", "problems are in their canonical form")


def test_bench_times_what_passed():
    records = json.loads(passes("bench", "hq2 sq24 d32", "--kernel", "standard/cpu_naive,standard/cpu_blas", "--threads", "1", "--rounds", "2",
                                "--min-samples", "6", "--max-seconds", "0.01", "--json"))
    expect(len(records) == 2, "two kernels are asked for")
    for record in records:
        expect(set(ALWAYS + TIMED) <= set(record), f"keys are {list(record)}")
        expect(record["samples"] >= 6, "the samples that were asked for, also where the time is up")
        expect(record["seconds_ci_low"] <= record["seconds_median"] <= record["seconds_ci_high"], "the interval")
        expect(len(record["rounds"]) == 2 and record["samples"] == sum(len(r["seconds"]) for r in record["rounds"]),
               "raw samples are kept")
        expect(record["workspace_bytes_measured"] == record["workspace_bytes_predicted"], "the workspace")


def test_tensor_files_bring_their_sizes_and_expected_values():
    path = str(SOURCE / "harness/inputs/minilm/license_layer0.npz")
    records = json.loads(passes("check", "--tensors", path, "--kernel", "flash2,standard/cpu_blas", "--json"))
    kernels = {record["kernel"]: record for record in records}
    expect(kernels["reference"]["verdict"] == "passed", "the reference agrees with the file's out")
    expect(kernels["flash2/cpu_tiled"]["problem"].startswith("b1 hq12 sq512 d32"), "sizes are those of the tensors")


def test_a_tensor_file_that_does_not_fit_is_held_against_the_variant_that_was_meant(folder):
    module = SOURCE / "harness/inputs/minilm/module_layer1.npz"
    refuses(2, ["module_layer1.npz: ", "hq=12", "hq5"], "check", "hq5", "--tensors", module)
    arrays = dict(numpy.load(module))
    del arrays["w_q"]
    numpy.savez(folder / "module.npz", **arrays)
    refuses(2, ["module.npz: ", "no tensor is named 'w_q'"], "check", "--tensors", folder / "module.npz")
    tokens = numpy.zeros((1, 2, 4, 32), numpy.int32)
    numpy.savez(folder / "whole.npz", q=tokens, k=tokens, v=tokens)
    refuses(2, "whole.npz: array 'q': is of type i64", "check", "--tensors", folder / "whole.npz")
    numpy.savez(folder / "alone.npz", k=tokens, v=tokens)
    refuses(2, "alone.npz: tensors: no tensor is named 'q'", "check", "--tensors", folder / "alone.npz")
    for heads, queries, keys in ((0, 4, 4), (2, 0, 4), (2, 4, 0)):
        numpy.savez(folder / "empty.npz", q=numpy.zeros((1, heads, queries, 8), numpy.float32),
                    k=numpy.zeros((1, heads, keys, 8), numpy.float32), v=numpy.zeros((1, heads, keys, 8), numpy.float32))
        refuses(2, ["empty.npz: array '", "every extent must be 1 or more"], "check", "--tensors", folder / "empty.npz")


def test_an_array_that_nothing_uses_is_named(folder):
    floats = numpy.ones((1, 2, 4, 8), numpy.float32)
    numpy.savez(folder / "typo.npz", q=floats, k=floats, v=floats, attn_mask=numpy.ones((4, 4), bool))
    result = run("check", "--tensors", str(folder / "typo.npz"), "--kernel", "flash2/cpu_tiled")
    expect(result.returncode == 0 and "not used" in result.stderr and "attn_mask" in result.stderr, result.stderr)


def test_expected_values_that_are_not_compared_are_named():
    result = run("check", "--tensors", str(SOURCE / "harness/inputs/minilm/module_layer1.npz"))
    expect(result.returncode == 0 and "'out', 'attn' are not compared" in result.stderr, result.stderr)


def test_a_result_that_a_full_disk_loses_is_an_error():
    with open("/dev/full", "w") as full:
        result = subprocess.run([options.attest, "list", "kernels"], stdout=full, stderr=subprocess.PIPE, text=True)
    expect(result.returncode == 4 and "standard output" in result.stderr, f"{result.returncode}: {result.stderr}")


def test_error_over_bound_is_that_of_every_output():
    for record in json.loads(passes("check", "sq64 hq2", "--kernel", "standard/cpu_naive,standard/cpu_blas", "--json")):
        worst = max(output["error_over_bound"] for output in record["outputs"])
        expect(record["error_over_bound"] == worst, f"{record['error_over_bound']} is not {worst}")


def test_named_kernels_say_why_they_do_not_run():
    table = passes("check", "sq8 bf16", "--kernel", "standard/cpu_naive,standard/cpu_blas")
    expect("unsupported" in table and "1 passed, 1 unsupported" in table, table)
    refuses(2, ["standard/cpu_blas", "f32"], "check", "sq8 bf16", "--kernel", "standard/cpu_blas")


def test_wrong_input_is_one_line_with_its_code():
    for arguments, words in {
        (): "--help",
        ("frobnicate",): "frobnicate",
        ("check", "--frobnicate"): "--frobnicate",
        ("list",): "variants",
        ("list", "planets"): "planets",
        ("check", "sq8 hq3 hkv2"): "hq3",
        ("check", "sq-8"): ["sq-8", "1 to 2147483648"],
        ("check", "sq8 frob"): "frob",
        ("check", "sq8 frob=3"): ["frob=3", "global"],
        ("check", "hq4"): "sq",
        ("check", "sq8 sq9"): "sq9",
        ("check", "sq2147483648 skv2147483648 hq64"): "overflow",
        ("check", "d_model=100 hq8 sq8"): ["hq8", "d_model=100"],
        ("check", "hq64 sq262144 d128", "--memory-limit", "1GiB"): ["needs", "GiB", "--memory-limit"],
        ("check", "sq8", "--memory-limit", "lots"): ["--memory-limit", "lots"],
        ("check", "sq8", "--kernel", "flash9"): "flash9",
        ("check", "sq8", "--backend", "gpu"): "--backend: backend 'gpu' is unknown",
        ("check", "sq8", "--inputs", "noise"): ["--inputs: 'noise' is no kind of input", "normal"],
        ("check", "sq8", "--threads", "0"): ["--threads", "'0'"],
        ("check", "sq8", "--seed", "-1"): "--seed",
        ("check", "--level", "hard"): ["hard", "smoke"],
        ("check", "--cases", "absent.toml"): "absent.toml",
        ("check", "--tensors", "absent.npz"): "absent.npz",
        ("check", "--tensors", "a.npz", "--cases", "b.toml"): "--cases",
        ("bench", "sq8", "--min-samples", "2"): "--min-samples",
        ("bench", "sq8", "--rounds", "0"): "round",
        ("sweep",): "FILE.toml",
        ("sweep", "absent.toml"): "absent.toml",
        ("report", "absent.db"): "--out",
        ("merge", "out.db"): "IN.db",
        ("check", "sq8", "--color", "mauve"): "mauve",
    }.items():
        refuses(2, words, *arguments)
    refuses(5, "cuda", "check", "sq8", "--backend", "cuda")
    refuses(2, "ATTEST_THREADS", "check", "sq8", environment={"ATTEST_THREADS": "many"})


def test_wrong_files_are_named_and_nothing_is_left(folder):
    def write(name, text):
        (folder / name).write_text(text)
        return str(folder / name)

    refuses(2, ["cases.toml:2", "tensors"], "check", "--cases", write("cases.toml", "\n[[case]]\nname = 'a'\n"))
    refuses(2, "bad.toml:1", "check", "--cases", write("bad.toml", "[[case\n"))
    refuses(2, "torn.npz", "check", "--tensors", write("torn.npz", "PK\3\4 and no more"))
    refuses(2, "s.toml:2: kernel", "sweep", write("s.toml", "[[sweep]]\nkernel = 'x'\n"), cwd=folder)
    good = write("good.toml", SWEEP)
    refuses(2, "--shard", "sweep", good, "--shard", "3/2", cwd=folder)
    refuses(2, "--filter", "sweep", good, "--filter", "(", cwd=folder)
    refuses(2, "--filter: 'flash9' matches none of 24 cells", "sweep", good, "--filter", "flash9", cwd=folder)
    refuses(2, "'flash9' matches none", "sweep", good, "--filter", "flash9", "--dry-run", cwd=folder)
    refuses(2, "--set", "sweep", good, "--set", "sq=x", cwd=folder)
    refuses(4, ["is a folder", str(folder)], "sweep", good, "--store", str(folder))
    refuses(4, "absent/s.db", "sweep", good, "--store", str(folder / "absent/s.db"))
    text = write("notes.txt", "these are no cells " * 20)
    refuses(4, ["notes.txt", "no store"], "sweep", good, "--store", text)
    refuses(4, "notes.txt", "merge", str(folder / "out.db"), text)
    refuses(4, "gone.db", "report", str(folder / "gone.db"), "--out", str(folder / "report"))
    expect((folder / "notes.txt").read_text().startswith("these are"), "a foreign file stays as it was")
    left = {path.name for path in folder.iterdir()}
    expect(left == {"cases.toml", "bad.toml", "torn.npz", "s.toml", "good.toml", "notes.txt"}, f"left behind: {left}")


def test_a_crash_is_a_verdict_with_a_line_that_reproduces_it():
    result = run("check", "hq2 sq8 d32", "--kernel", "standard/cpu_naive,standard/cpu_blas", environment={"ATTEST_TEST_FAULT": "crash:*/cpu_blas"})
    expect(result.returncode == 3 and "SIGSEGV" in result.stdout and "1 passed, 1 crashed" in result.stdout,
           f"{result.returncode}: {result.stdout}")
    line = result.stderr.strip().splitlines()[-1].strip()
    expect(line.startswith("attest check 'b1 hq2 sq8 d32 f32' --kernel standard/cpu_blas"), f"the line is {line}")


def test_no_worker_survives_its_parent():
    parent = subprocess.Popen([options.attest, "check", "hq2 sq8 d32", "--kernel", "standard/cpu_naive"],
                              env={**os.environ, "ATTEST_TEST_FAULT": "hang"}, stderr=subprocess.DEVNULL)
    children = pathlib.Path(f"/proc/{parent.pid}/task/{parent.pid}/children")
    deadline = time.time() + 20
    while time.time() < deadline and not children.read_text().split():
        time.sleep(0.02)
    worker = pathlib.Path("/proc") / children.read_text().split()[0]
    time.sleep(0.2)  # past its first instructions, where it asks to die with its parent
    parent.kill()
    parent.wait()
    # A worker that nobody reaps stays in the table as a zombie, without a command line.
    while time.time() < deadline and worker.exists() and (worker / "cmdline").read_bytes():
        time.sleep(0.02)
    expect(not worker.exists() or not (worker / "cmdline").read_bytes(), f"worker {worker.name} outlived its parent")


def cells(store):
    connection = sqlite3.connect(store)
    rows = dict(connection.execute("SELECT key, record FROM cells"))
    rounds = connection.execute("SELECT count(*) FROM rounds").fetchone()[0]
    connection.close()
    return rows, rounds


def test_a_killed_sweep_completes_only_what_was_missing(folder):
    (folder / "s.toml").write_text(SWEEP)
    store = folder / "s.db"
    command = [options.attest, "sweep", str(folder / "s.toml"), "--store", str(store), "--no-peaks"]
    plan = passes("sweep", str(folder / "s.toml"), "--dry-run")
    expect("24 cells: 24 to run" in plan and not store.exists(), "a dry run runs nothing")

    def stop_after(count, how):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        while process.poll() is None:
            try:
                if store.exists() and len(cells(store)[0]) >= count:
                    break
            except sqlite3.OperationalError:
                pass
            time.sleep(0.01)
        process.send_signal(how)
        error = process.communicate(timeout=60)[1]
        return process.returncode, error

    stop_after(6, signal.SIGKILL)
    first, _ = cells(store)
    expect(6 <= len(first) < 24, f"{len(first)} cells when it was killed")
    code, error = stop_after(len(first) + 3, signal.SIGINT)
    expect(code == 130 and "attest: interrupted" in error, f"an interrupt ends with {code}: {error}")
    second, _ = cells(store)
    expect(len(first) < len(second) < 24, f"{len(second)} cells when it was interrupted")
    result = subprocess.run(command, capture_output=True, text=True, timeout=120)
    expect(result.returncode == 0 and f"{len(second)} of them complete" in result.stderr, result.stderr)
    last, rounds = cells(store)
    expect(len(last) == 24 and rounds == 48, f"{len(last)} cells, {rounds} rounds at the end")
    expect(all(last[key] == record for key, record in second.items()), "complete cells were run again")
    expect("24 cells: 24 passed" in result.stdout, result.stdout)
    merged = str(folder / "merged.db")
    expect("24 cells added" in passes("merge", merged, str(store)), "a merge into a new store")
    expect("0 cells added" in passes("merge", merged, str(store)), "a merge again")
    for shard in ("1/2", "2/2"):
        passes("sweep", str(folder / "s.toml"), "--store", merged, "--shard", shard)
    expect(passes("report", merged, "--out", str(folder / "report")).splitlines()[0].endswith("report.html"),
           "the report is named")


run_tests(globals())
