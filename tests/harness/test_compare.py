#!/usr/bin/env python3
"""attest compare on two stores: the same store changes nothing; times made slower by hand, a result made wrong, a cell taken
away are each found and fail the command only where --fail-on says so; wrong use is one line."""

import json
import pathlib
import shutil
import sqlite3
import tempfile

from command_line import expect, finish, refuses, run

SWEEP = """
rounds = 3
min_samples = 6
max_seconds = 0.01
threads = 1
[[sweep]]
kernels = ["standard/cpu_naive", "flash2/cpu_tiled"]
problem = "hq2 d32"
axes = { sq = [16, 32] }
"""


def edited(source, target, *statements):
    """A copy of a store with some SQL run on it: what another commit might have measured."""
    shutil.copy(source, target)
    database = sqlite3.connect(target)
    for statement in statements:
        database.execute(statement)
    database.commit()
    database.close()
    return target


def changes(a, b, *more):
    result = run("compare", a, b, "--json", *more)
    return result.returncode, json.loads(result.stdout)


with tempfile.TemporaryDirectory() as name:
    folder = pathlib.Path(name)
    (folder / "s.toml").write_text(SWEEP)
    swept = folder / "swept.db"
    made = run("sweep", folder / "s.toml", "--store", swept, "--no-peaks")
    expect(made.returncode == 0, f"the sweep passes: {made.stderr}")
    # Samples of a quiet machine, whatever this one is.
    a = edited(swept, folder / "a.db", "DELETE FROM samples",
               "INSERT INTO samples SELECT cell, round, value, 1e-3 * (1 + 1e-4 * value + 1e-5 * round) FROM rounds, "
               "json_each('[0,1,2,3,4,5]')")

    same = edited(a, folder / "same.db")
    code, rows = changes(a, same, "--fail-on", "slower,wrong,missing")
    expect(code == 0 and len(rows) == 4, "a store against itself has all its cells and exit 0")
    expect(all(row["ratio"] == 1.0 and row["change"] == "same" for row in rows),
           "a store against itself is nowhere faster or slower")

    slow = edited(a, folder / "slow.db", "UPDATE samples SET seconds = seconds * 3 WHERE cell IN "
                  "(SELECT id FROM cells WHERE kernel = 'flash2/cpu_tiled')")
    code, rows = changes(a, slow)
    expect(code == 0, "without --fail-on a slower cell is no failure")
    for row in rows:
        is_slow = row["kernel"] == "flash2/cpu_tiled"
        expect((row["change"] == "slower") == is_slow, f"{row['kernel']} is {row['change']}")
        if is_slow:
            expect(abs(row["ratio"] - 3) < 1e-9 and row["ratio_ci_low"] <= 3 <= row["ratio_ci_high"], "the ratio is 3")
            expect(row["p_value"] <= row["p_value_holm"] < 0.05, "significant also after Holm")
            expect(abs(row["seconds_after"] / row["seconds_before"] - 3) < 1e-9, "the medians are those of the samples")
    expect(changes(a, slow, "--fail-on", "slower")[0] == 1, "--fail-on slower fails")
    expect(changes(a, slow, "--fail-on", "wrong,missing")[0] == 0, "--fail-on wrong,missing does not")
    code, rows = changes(slow, a)
    expect(sum(row["change"] == "faster" for row in rows) == 2, "the other way round it is faster")

    wrong = edited(a, folder / "wrong.db",
                   "DELETE FROM samples WHERE cell = 1", "DELETE FROM rounds WHERE cell = 1",
                   "UPDATE cells SET record = json_remove(json_set(record, '$.verdict', 'failed', '$.reason', 'planted'),"
                   " '$.seconds_median') WHERE id = 1")
    code, rows = changes(a, wrong, "--fail-on", "wrong")
    expect(code == 1 and [row["change"] for row in rows].count("wrong") == 1, "a wrong result is found")
    expect(changes(wrong, a, "--fail-on", "wrong")[0] == 0, "a mended one is no failure")
    expect([row["change"] for row in changes(wrong, a)[1]].count("mended") == 1, "it is called mended")

    less = edited(a, folder / "less.db", "DELETE FROM samples WHERE cell = 2", "DELETE FROM rounds WHERE cell = 2",
                  "DELETE FROM cells WHERE id = 2")
    expect(changes(a, less)[0] == 0 and changes(a, less, "--fail-on", "missing")[0] == 1, "a missing cell fails on request")
    expect("1 cells only in A, 0 only in B" in run("compare", a, less).stdout, "the table counts what is missing")

    unsure = "UPDATE cells SET record = json_set(record, '$.verdict', 'suspect', '$.reason', 'planted') WHERE id = 1"
    code, rows = changes(edited(a, folder / "suspect_a.db", unsure), edited(slow, folder / "suspect_b.db", unsure))
    expect([row["change"] for row in rows].count("not timed") == 1 and "ratio" not in rows[0],
           "a time that nobody believes is not compared")

    # What Google Benchmark's tools/gbench/report.py takes: groups of one name, with these fields and units.
    made = run("report", wrong, "--out", folder / "r", "--format", "gbench")
    expect(made.returncode == 0, f"the export is written: {made.stderr}")
    document = json.loads((folder / "r/gbench.json").read_text())
    expect(set(document) == {"context", "benchmarks"} and "cpu_time" in document["context"], "context and benchmarks")
    groups = {}
    for entry in document["benchmarks"]:
        expect(entry["run_type"] == "iteration" and entry["time_unit"] == "ns", f"a sample in nanoseconds: {entry}")
        expect(entry["cpu_time"] == entry["real_time"] and entry["iterations"] >= 1, f"times and iterations: {entry}")
        expect(entry["run_name"] == entry["name"], "the name of the run")
        groups.setdefault(entry["name"], []).append(entry)
    stored = {}
    for key, seconds in sqlite3.connect(wrong).execute("SELECT key, seconds FROM samples JOIN cells ON cells.id = cell"):
        stored.setdefault(key, []).append(seconds * 1e9)
    expect(len(groups) == 3 and set(groups) == set(stored), f"every passed cell under its text: {set(groups)}")
    for name, entries in groups.items():
        expect(sorted(entry["real_time"] for entry in entries) == sorted(stored[name]), f"{name}: the samples of the store")
        expect([entry["repetition_index"] for entry in entries] == list(range(18)), f"{name}: repetitions in order")
        expect({entry["repetitions"] for entry in entries} == {18}, f"{name}: and their number")
    expect(len({(entries[0]["family_index"], entries[0]["per_family_instance_index"]) for entries in groups.values()}) == 3,
           "sorting by family keeps cells apart")

    for outcome, slower in (("timeout", 1), ("oom", 0), ("suspect", 0), ("skipped", 0)):
        lost = edited(a, folder / f"{outcome}.db", f"UPDATE cells SET record = json_set(record, '$.verdict', '{outcome}') "
                      "WHERE kernel = 'flash2/cpu_tiled'")
        code, rows = changes(a, lost, "--fail-on", "lost")
        expect(code == 1 and sum(row["change"] == f"passed to {outcome}" for row in rows) == 2, f"{outcome} is lost: {rows}")
        expect(changes(a, lost, "--fail-on", "slower")[0] == slower, f"--fail-on slower and {outcome}")
        expect(changes(a, lost, "--fail-on", "wrong,missing")[0] == 0, f"{outcome} is neither wrong nor missing")
        expect(changes(lost, a, "--fail-on", "slower,wrong,lost,missing")[0] == 0, f"back from {outcome} is no failure")

    table = run("compare", a, slow).stdout
    expect("slower" in table and "B / A" in table and table.count("commit ") == 2, f"the table says what it compares: {table}")

    empty = edited(a, folder / "empty.db", "DELETE FROM samples", "DELETE FROM rounds", "DELETE FROM cells")
    refuses(2, "shares no cell", "compare", a, empty)
    refuses(2, "second store", "compare", a)
    refuses(2, "'fast' is unknown", "compare", a, slow, "--fail-on", "fast")
    refuses(4, "nowhere.db", "compare", a, folder / "nowhere.db")

finish()
