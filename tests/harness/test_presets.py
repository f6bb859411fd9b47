#!/usr/bin/env python3
"""Every sweep of harness/sweeps can be planned, and a paper's preset has the cells that its published figures are set beside:
each row of published.json finds its kernels and problems in the plan of some preset."""

import fnmatch
import json
import pathlib
import re

from command_line import expect, finish, run

ROOT = pathlib.Path(__file__).resolve().parents[2]

plans = {}
for path in sorted((ROOT / "harness/sweeps").glob("*.toml")):
    result = run("sweep", path, "--dry-run")
    expect(result.returncode == 0, f"{path.name} can be planned: {result.stderr}")
    cells = []
    for line in result.stdout.splitlines()[1:]:
        fields = re.split(r"\s{2,}", line.strip())
        if len(fields) > 4 and "unsupported" not in fields:
            cells.append((fields[0], fields[3]))
    expect(cells, f"{path.name} has cells that can run")
    plans[path.stem] = cells

presets = {name: cells for name, cells in plans.items() if name.startswith("paper-")}
comparisons = json.loads((ROOT / "reports/published.json").read_text())["comparisons"]
expect(len(comparisons) >= 6, "there are comparisons")
shown = set()
for comparison in comparisons:
    wanted = [(row[kernels], row[problem]) for row in comparison["rows"]
              for kernels, problem in (("kernels", "problem"), ("over", "over_problem")) if kernels in row]
    having = {name for name, cells in presets.items()
              if all(any(fnmatch.fnmatch(kernel, glob) and re.search(pattern, problem) for kernel, problem in cells)
                     for glob, pattern in wanted)}
    expect(having, f"{comparison['id']}: no preset has a cell for each of its rows")
    shown |= having
    for key in ("source", "differs", "unit", "measure", "title"):
        expect(comparison[key], f"{comparison['id']} has no {key}")
for name in ("paper-fa2", "paper-fa1-memory", "paper-mistral-window", "paper-gqa-cache", "paper-linear-scaling",
             "paper-longformer"):
    expect(name in shown, f"{name} has published figures beside it")

finish()
