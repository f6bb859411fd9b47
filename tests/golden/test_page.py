#!/usr/bin/env python3
"""The HTML report in a browser that has no network: nothing is complained of or asked for, the summary says what the store
says, tables sort and filter, legends hide series, a figure's table, data and command are its own, and the page fits a phone,
paper and the dark. The store holds every kind of verdict, and a reason that tries to be a script."""

import base64
import csv
import json
import pathlib
import re
import shlex
import sqlite3
import statistics
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "harness"))
import browser  # noqa: E402
from command_line import expect, run, run_tests  # noqa: E402

SWEEP = """
rounds = 1
min_samples = 6
max_seconds = 0.001
threads = 1
[[sweep]]
kernels = ["standard/cpu_naive", "standard/cpu_blas", "flash2/cpu_tiled"]
problem = "hq2 d32"
axes = { sq = [32, 64, 128], causal = [false, true] }
[[sweep]]
kernels = ["sliding_window/cpu_banded"]
problem = "hq2 d32 sq64 causal"
axes = { window = [8, 16] }
"""
HOSTILE = "<script>document.title='owned'</script><img src=x onerror=document.title='owned'>"
UNITS = {"ns": 1e-9, "µs": 1e-6, "ms": 1e-3, "s": 1.0}
CELLS_HEAD = re.compile(r"kernel +backend +problem .*verdict .*outliers")  # of the folded table of every cell, in print
PAPER = 703  # pixels of a sheet of A4 within its margins

# (verdict, reason) by the place of a cell in the store; what is not named stays passed.
VERDICTS = {2: ("failed", HOSTILE), 5: ("suspect", "faster than the peak"), 7: ("skipped", "too large"),
            9: ("timeout", "did not end"), 11: ("skipped", "too large")}


def seconds(text):
    number, unit = text.split()
    return float(number) * UNITS[unit]


def make_report(folder):
    (folder / "page sweep.toml").write_text(SWEEP)
    store, out = folder / "s.db", folder / "out"
    made = run("sweep", "page sweep.toml", "--store", store, "--no-peaks", cwd=folder)
    expect(made.returncode == 0, f"the sweep passes: {made.stderr}")
    database = sqlite3.connect(store)
    for place, (verdict, reason) in VERDICTS.items():
        if verdict != "suspect":
            database.execute("DELETE FROM samples WHERE cell = ?", [place])
            database.execute("DELETE FROM rounds WHERE cell = ?", [place])
        record = "json_set(record, '$.verdict', ?, '$.reason', ?)"
        if verdict != "suspect":
            record = f"json_remove({record}, '$.seconds_median')"
        database.execute(f"UPDATE cells SET record = {record} WHERE id = ?", [verdict, reason, place])
    # Samples of a quiet machine, of kernels that nobody can take for equal, in microseconds and in seconds: units matter.
    for kernel, factor in (("flash2/cpu_tiled", 1e-7), ("standard/cpu_naive", 1e-1), ("standard/cpu_blas", 1e-4),
                           ("sliding_window/cpu_banded", 1e-3)):
        cells = database.execute("SELECT DISTINCT id FROM cells JOIN samples ON cell = id WHERE kernel = ?", [kernel]).fetchall()
        for (cell,) in cells:
            values = [factor * cell * (1 + 1e-3 * place) for place in range(12)]
            database.execute("DELETE FROM samples WHERE cell = ?", [cell])
            database.executemany("INSERT INTO samples VALUES (?, 0, ?, ?)", [(cell, place, value) for place, value in enumerate(values)])
            database.execute(
                "UPDATE cells SET record = json_set(record, '$.seconds_median', ?, '$.seconds_ci_low', ?, '$.seconds_ci_high', ?, "
                "'$.samples', 12) WHERE id = ?", [statistics.median(values), values[2], values[9], cell])
    database.commit()
    written = run("report", store, "--out", out, "--format", "html,csv")
    expect(written.returncode == 0, f"the report is written: {written.stderr}")
    return store, database, out


def check_summary(page, database):
    chips = page.evaluate("[...document.querySelectorAll('.verdicts a')].map(a => [a.lastChild.textContent, +a.firstChild.textContent])")
    stored = dict(database.execute("SELECT verdict, count(*) FROM cells GROUP BY verdict"))
    expect(dict(chips) == stored and set(stored) == {"passed", "failed", "suspect", "skipped", "timeout"},
           f"the summary counts {chips}, the store {stored}")
    headline = [int(number) for number in re.findall(r"\d+", page.evaluate("document.querySelector('.headline').textContent"))]
    ran = sum(count for verdict, count in stored.items() if verdict not in ("skipped", "unsupported"))
    expect(headline[:3] == [ran - stored["passed"], ran, stored["skipped"]], f"the headline says {headline}")
    facts = dict(page.evaluate("[...document.querySelectorAll('header dt')].map(dt => [dt.textContent, dt.nextSibling.textContent])"))
    timed = database.execute("SELECT count(DISTINCT cell) FROM samples JOIN cells ON cells.id = cell WHERE verdict = 'passed'").fetchone()[0]
    expect(facts["Timed cells"] == str(timed), f"{facts['Timed cells']} timed cells, {timed} in the store")
    kernels = database.execute("SELECT count(DISTINCT kernel) FROM cells").fetchone()[0]
    expect(facts["Kernels"] == str(kernels), f"{facts['Kernels']} kernels, {kernels} in the store")


def medians(database):
    """Median of all samples of every passed cell."""
    samples = {}
    for kernel, problem, value in database.execute("SELECT kernel, problem, seconds FROM samples JOIN cells ON cells.id = cell "
                                                   "WHERE verdict = 'passed'"):
        samples.setdefault((kernel, problem), []).append(value)
    return {key: statistics.median(values) for key, values in samples.items()}


def check_winner(page, database):
    rows = page.evaluate("[...document.querySelectorAll('#winners ~ .scroll')][0].querySelector('tbody').innerText.split('\\n').map(row => row.split('\\t'))")
    stored = medians(database)
    checked = 0
    for problem, winner, _, ratio, *_ in rows:
        longest = problem.replace("hq2 ", "hq2 sq128 ")
        rivals = sorted(value for (_, text), value in stored.items() if text == longest)
        if not ratio:
            continue
        checked += 1
        expect(winner == "flash2/cpu_tiled", f"{winner} wins {problem}")
        expect(abs(float(ratio) / (rivals[1] / rivals[0]) - 1) < 0.01, f"{problem}: ratio {ratio}, stored {rivals}")
    expect(checked >= 1, f"a winner was checked: {rows}")


def column(page, table, name):
    return page.evaluate(f"""(() => {{ const table = document.querySelector('{table} table');
        const at = [...table.tHead.rows[0].cells].findIndex(cell => cell.textContent.startsWith('{name}'));
        return [...table.tBodies[0].rows].filter(row => !row.hidden).map(row => row.cells[at].textContent); }})()""")


def head(name, table="#cells"):
    return f"[...document.querySelectorAll('{table} th')].find(cell => cell.textContent.startsWith('{name}'))"


def check_tables(page, database):
    page.evaluate("document.querySelector('#cells').open = true")
    stored = medians(database)
    keys = list(zip(column(page, "#cells", "kernel"), column(page, "#cells", "problem")))
    times = column(page, "#cells", "time")
    shown = {key: text for key, text in zip(keys, times) if key in stored}
    expect(len(shown) == len(stored) and all(abs(seconds(text) / stored[key] - 1) < 0.006 for key, text in shown.items()),
           "the times of the page are those of the store")

    page.evaluate(head("time") + ".querySelector('button').click()")
    figures = [seconds(text) for text in column(page, "#cells", "time") if re.match(r"\d", text)]
    expect(len(figures) == len(stored) and figures == sorted(figures) and figures[0] < 1e-5 < 1 < figures[-1],
           f"sorted by time: {figures}")
    expect(page.evaluate(head("time") + ".getAttribute('aria-sort')") == "ascending", "the head says so")
    page.evaluate(head("time") + ".querySelector('button').focus()")
    page.press("Enter")
    figures = [seconds(text) for text in column(page, "#cells", "time") if re.match(r"\d", text)]
    expect(len(figures) == len(stored) and figures == sorted(figures, reverse=True), f"Enter turns the order: {figures}")
    expect(page.evaluate(head("time") + ".getAttribute('aria-sort')") == "descending", "the head says that too")
    page.evaluate(head("problem") + ".querySelector('button').click()")
    lengths = [int(re.search(r"sq(\d+)", text).group(1)) for text in column(page, "#cells", "problem") if " causal" not in text]
    expect(lengths == sorted(lengths) and lengths[-1] == 128, f"sq64 comes before sq128: {lengths}")
    expect(page.evaluate("document.querySelectorAll('#cells th[aria-sort]').length") == 1, "one column is sorted by")

    page.evaluate("document.querySelector('#cells').open = false")
    page.evaluate("[...document.querySelectorAll('.verdicts a')].find(a => a.textContent.includes('skipped')).click()")
    expect(page.evaluate("document.querySelector('#cells').open"), "a count of the summary opens its cells")
    expect(column(page, "#cells", "verdict") == ["skipped", "skipped"], "and shows these alone")
    expect(page.evaluate("document.querySelector('#cells .filter [role=status]').textContent").startswith("2 of "), "and counts them")
    for words, fits in (("flash2 sq128", lambda k, p: k.startswith("flash2") and "sq128" in p),
                        ("kernel=standard/cpu_blas window", lambda k, p: k == "standard/cpu_blas" and "window" in p),
                        ("", lambda k, p: True)):
        page.evaluate(f"(() => {{ const input = document.querySelector('#cells .filter input'); input.value = {json.dumps(words)};"
                      "input.dispatchEvent(new Event('input')); })()")
        got = sorted(zip(column(page, "#cells", "kernel"), column(page, "#cells", "problem")))
        expect(got == sorted(key for key in keys if fits(*key)), f"the filter {words!r} shows {got}")


def number(text):
    """What a cell says as a number, by its unit; None for words."""
    match = re.fullmatch(r"(-?[0-9.]+(?:e[-+]?[0-9]+)?) ?(ns|µs|ms|s|B|KiB|MiB|GiB|%|)", text)
    sizes = {**UNITS, "B": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "%": 1, "": 1}
    return float(match.group(1)) * sizes[match.group(2)] if match else None


def check_last_columns(page):
    """Its cells' closing tags are left out, so the line's end is theirs too."""
    tables = page.evaluate("document.querySelectorAll('.scroll > table').length")
    sorted_by_number, filtered = 0, 0
    for index in range(tables):
        table = f"document.querySelectorAll('.scroll > table')[{index}]"
        last = f"[...{table}.tBodies[0].rows].filter(row => !row.hidden).map(row => row.lastElementChild.textContent.trim())"
        texts = page.evaluate(last)
        page.evaluate(f"{table}.tHead.rows[0].lastElementChild.querySelector('button').click()")
        name = page.evaluate(f"{table}.tHead.rows[0].lastElementChild.textContent")
        after = page.evaluate(last)
        expect(sorted(after) == sorted(texts), f"sorting by {name!r} keeps the rows")
        full = [text for text in after if text]
        expect(after == full + [""] * (len(after) - len(full)), f"what is empty comes last by {name!r}: {after}")
        numbers = [number(text) for text in full]
        if None not in numbers:
            expect(numbers == sorted(numbers), f"the last column, {name!r}, sorts by what it means: {after}")
            sorted_by_number += numbers != [number(text) for text in sorted(full)]
        words = [text for text in full if " " not in text]
        if not words or not page.evaluate(f"{table}.parentElement.previousElementSibling.className === 'filter'"):
            continue
        key = re.sub(r" \(.*|\s", "", name.lower().replace("\n", " "))
        page.evaluate(f"""(() => {{ const input = {table}.parentElement.previousElementSibling.querySelector('input');
            for (const text of [{json.dumps(key + "=" + words[0])}, '']) {{
              input.value = text; input.dispatchEvent(new Event('input'));
              if (text) window.kept = {last}; }} }})()""")
        kept = page.evaluate("window.kept")
        expect(kept == [text for text in after if text.lower() == words[0].lower()], f"{key}={words[0]} shows {kept}")
        filtered += 1
    expect(sorted_by_number >= 1 and filtered >= 2, f"last columns were sorted ({sorted_by_number}) and filtered ({filtered})")


def visible(page, figure):
    """Names of the series of which something is to be seen."""
    return set(page.evaluate(f"""(() => {{ const figure = document.getElementById('{figure}').nextElementSibling;
        const names = [...figure.querySelectorAll('.legend [data-s]')].map(button => button.textContent);
        return [...figure.querySelectorAll('.panels [data-s]')].filter(one => one.getBoundingClientRect().width > 0)
          .map(one => names[one.dataset.s]); }})()"""))


def check_legend(page):
    button = "[...document.getElementById('{}').nextElementSibling.querySelectorAll('.legend button')].find(b => b.textContent === '{}')"
    everything = visible(page, "time_over_length")
    expect({"flash2/cpu_tiled", "standard/cpu_blas", "standard/cpu_naive"} <= everything, f"all series are there: {everything}")
    other = visible(page, "rate_over_length")
    one = button.format("time_over_length", "flash2/cpu_tiled")
    page.evaluate(one + ".click()")
    expect(visible(page, "time_over_length") == everything - {"flash2/cpu_tiled"}, "a click hides one series in all panels")
    expect(page.evaluate(one + ".getAttribute('aria-pressed')") == "false", "the button says so")
    expect(visible(page, "rate_over_length") == other, "other figures keep theirs")
    page.evaluate(one + ".focus()")
    page.press(" ")
    expect(visible(page, "time_over_length") == everything, "the space bar shows it again")
    page.evaluate(button.format("time_over_length", "none") + ".click()")
    expect(visible(page, "time_over_length") == set(), "none hides all")
    page.evaluate(button.format("time_over_length", "all") + ".click()")
    expect(visible(page, "time_over_length") == everything, "all shows all")


def check_sources(page, out, folder):
    figures = page.evaluate("[...document.querySelectorAll('figure')].map(figure => [figure.previousElementSibling.id, "
                            "figure.querySelector('.source code')?.textContent, figure.querySelector('.source a[href$=tsv]').getAttribute('href')])")
    expect(len(figures) >= 4, "there are figures")
    rows = {}
    for figure, command, data in figures:
        expect((out / data).is_file(), f"{figure} names its data, {data}")
        with open(out / data, encoding="utf-8", newline="") as file:
            rows[figure] = [row for row in csv.reader(file, delimiter="\t") if row and not row[0].startswith("#")]
        page.evaluate(f"document.getElementById('{figure}').nextElementSibling.querySelector('.source button').click()")
        shown = page.evaluate(f"[...document.getElementById('{figure}').nextElementSibling.querySelectorAll('.source + div tbody tr')]"
                              ".map(row => [...row.cells].map(cell => cell.textContent))")
        expect(len(shown) == len(rows[figure]), f"{figure} shows {len(shown)} points, its data has {len(rows[figure])}")
        expect(sorted((row[0], row[1]) for row in shown) == sorted((row[7], row[5]) for row in rows[figure]),
               f"{figure} shows the points of its data")
        if figure == "time_over_length":
            expect(sorted(round(seconds(row[3]), 12) for row in shown if re.match(r"\d", row[3])) ==
                   [round(value, 12) for value in sorted(float(f"{float(row[1]):.3g}") for row in rows[figure] if row[1] != "NaN")],
                   "the table of a figure has its values")
    command = dict((figure, command) for figure, command, _ in figures)["time_over_length"]
    words = shlex.split(command)
    expect(words[:3] == ["attest", "sweep", "page sweep.toml"], f"the command can be pasted: {command}")
    again = run(*words[1:], "--no-peaks", cwd=folder)
    expect(again.returncode == 0, f"the command runs: {again.stderr}")
    made = set(sqlite3.connect(folder / "again.db").execute("SELECT kernel, problem FROM cells"))
    wanted = {(row[6], re.sub(r"hq2 ", f"hq2 sq{row[0]} ", row[7])) for row in rows["time_over_length"]}
    expect(wanted and wanted <= made, f"the command makes the figure's cells: {wanted - made}")
    expect(not any("window" in problem for _, problem in made - wanted), f"and no others: {made - wanted}")


def luminance(color):
    parts = [int(part) / 255 for part in re.findall(r"\d+", color)[:3]]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def check_looks(page, path):
    for dark in (False, True):
        page.open(path, 1280, 900, dark)
        colors = page.evaluate("""[getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).color,
            getComputedStyle(document.querySelector('.panels > div')).backgroundColor, ...[0,1,2,3,4,5,6].map(index => {
              const mark = document.body.appendChild(document.createElement('i')); mark.className = 'c' + index;
              return getComputedStyle(mark).color; })]""")
        ground, ink, panel, *series = map(luminance, colors)
        expect((ground < 0.05) == dark and (ink > ground) == dark, f"the page is {'dark' if dark else 'light'}: {colors}")
        ratios = [(max(panel, one) + 0.05) / (min(panel, one) + 0.05) for one in series]
        expect(len(set(colors[3:])) == 7 and min(ratios) > 2, f"every series stands out: {ratios}")
        bars = page.evaluate("""[...document.querySelectorAll('.panels .s')].filter(one => one.querySelector('.bar') && one.querySelector('.interval'))
            .map(one => [getComputedStyle(one).color, ...['.casing', '.interval'].map(name => getComputedStyle(one.querySelector(name)))
              .flatMap(style => [style.stroke, parseFloat(style.strokeWidth)])])""")
        for colour, casing, wide, line, narrow in bars:
            expect(wide > narrow and abs(luminance(casing) - luminance(line)) > 0.5, f"an interval shows on a bar of {colour}")
        expect(len(bars) >= 2, f"there are bars with intervals: {bars}")
        clipped = page.evaluate("""[...document.querySelectorAll('.panels svg')].flatMap(svg => {
            const box = svg.getBoundingClientRect();
            return [...svg.querySelectorAll('text')].filter(text => { const one = text.getBoundingClientRect();
              return one.left < box.left || one.right > box.right || one.top < box.top || one.bottom > box.bottom; })
              .map(text => text.textContent); })""")
        hidden = page.evaluate("""[...document.querySelectorAll('.scroll')].filter(box => !box.closest('details:not([open])') && box.scrollWidth > box.clientWidth)
            .map(box => [...box.querySelectorAll('th')].map(head => head.textContent.trim()))""")
        expect(hidden == [], f"no table of those that are open hides a column: {hidden}")
        expect(clipped == [], f"no letters of a figure are cut off: {clipped}")
    page.open(path, 390, 844)
    expect(page.evaluate("document.documentElement.scrollWidth") <= 390, "a phone need not scroll sideways")
    page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
    expect(page.evaluate("document.documentElement.scrollWidth") <= 390, "nor with all that is folded open")
    expect(page.evaluate("document.querySelector('#cells .scroll').scrollWidth > document.querySelector('#cells .scroll').clientWidth"),
           "a wide table scrolls in its own box")
    small = page.evaluate("Math.min(...[...document.querySelectorAll('.panels svg text:not([transform])')].map(text => text.getBoundingClientRect().height))")
    expect(small > 9, f"the least letters of a figure are {small} pixels high")
    page.open(path, PAPER, 900, media="print")
    for name, width in page.evaluate("[...document.querySelectorAll('main table')].filter(table => !table.closest('details:not([open])'))"
                                     ".map(table => [table.closest('section').id || table.tHead.innerText, table.offsetWidth])"):
        expect(width <= PAPER, f"on paper {name} is {width} pixels wide")


def printed(page, folder):
    """The text of every page of paper, sheets so low that tables go on over several."""
    data = page.call("Page.printToPDF", paperWidth=8.27, paperHeight=4)["data"]
    (folder / "print.pdf").write_bytes(base64.b64decode(data))
    return subprocess.run(["pdftotext", "-layout", folder / "print.pdf", "-"], check=True, capture_output=True,
                          text=True).stdout.split("\f")


def check_paper(page, path, folder):
    for script in (True, False):
        page.call("Emulation.setScriptExecutionDisabled", value=not script)
        page.open(path)
        heads = sum(bool(CELLS_HEAD.search(sheet)) for sheet in printed(page, folder))
        expect(heads > 0, f"what is folded and short is printed, script {script}")
        expect(heads > 1, f"and its head again where it goes on, script {script}: {heads}")
        expect(not page.evaluate("document.querySelector('#cells').open"), "and is folded on the screen as before")
    page.call("Emulation.setScriptExecutionDisabled", value=False)
    page.open(path)
    page.evaluate("document.querySelector('#cells').className = 'long'")
    sheets = printed(page, folder)
    expect(not any(map(CELLS_HEAD.search, sheets)), "what is long stays folded")
    expect(any("too long to print" in sheet for sheet in sheets), "and says so")


def test_page(folder):
    if browser.find() is None:
        expect(False, "chromium is here (apt install chromium)")
        return
    store, database, out = make_report(folder)
    path = out / "report.html"
    text = path.read_text(encoding="utf-8")
    expect(text.count("<script>") == 1 and "&lt;script&gt;" in text, "the page has one script, its own")
    with browser.Browser() as page:
        page.open(path)
        check_summary(page, database)
        check_winner(page, database)
        check_tables(page, database)
        check_last_columns(page)
        check_legend(page)
        check_sources(page, out, folder)
        check_looks(page, path)
        check_paper(page, path, folder)
        expect(page.evaluate("document.title") != "owned", "a reason in the store runs nothing")
        expect(page.messages == [], f"the console is silent: {page.messages}")
        expect(page.requests and set(page.requests) == {path.resolve().as_uri()}, f"nothing is asked for but the page: {page.requests}")
        # What watches the console is itself watched.
        page.evaluate("void setTimeout(() => { throw new Error('planted'); }, 0)")
        page.evaluate("new Promise(done => setTimeout(done, 50))")
        expect(any("planted" in message for message in page.messages), "an error on the console would have been seen")


run_tests(globals())
