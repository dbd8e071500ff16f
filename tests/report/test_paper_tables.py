"""The tables for a paper: well-formed LaTeX whatever the names, unrounded CSV, the same bytes; a real LaTeX's word."""

import csv
import json
import re
import shutil
import subprocess

import pandas as pd
import pytest
from report_example import DATASETS, FAILED, VARIANTS, run_rows, write

from dynconv import records
from dynconv.report.paper import write as write_paper
from dynconv.report.paper.latex import escape, render
from dynconv.report.paper.table import Cell, Column, Table
from dynconv.report.results import load

EVIL = "a_b%c&d#e$f\\g{h}~^"
NAMES = (EVIL, "<script>alert(1)</script>", "x" * 200, "x" * 199 + "y", '漢字 ő -- ?` [z] "q" * |')
COMMAND = re.compile(r"\\([a-zA-Z]+|.)")


@pytest.fixture(scope="module")
def paper(built, tmp_path_factory):
    """The usual folder with all that a paper needs; for reading only."""
    folder = tmp_path_factory.mktemp("paper") / "results"
    shutil.copytree(built, folder)
    write_paper(load(folder), folder)
    return folder


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    """A folder whose every name is an attack on LaTeX, HTML, Markdown or CSV."""
    folder = tmp_path_factory.mktemp("hostile")
    datasets = {"d" * 200: "timeseries", EVIL: "timeseries", "[1em] *": "timeseries", "-- | ok": "classification"}
    rows = run_rows({"vanilla": 1.0} | {name: 1.1 + n / 10 for n, name in enumerate(NAMES)}, datasets, device=EVIL)
    rows[0] |= {"status": "failed", "failure": EVIL + "\n second \x07 line" + "/a/long/path" * 30, "accuracy": None}
    write(folder, rows)
    plan = {"followed": False, "deviations": [EVIL], "notes": [EVIL], "undeclared_variants": [EVIL]}
    plan |= {"analysis": {"alpha": 0.05, "rope": 0.01, "families": {"primary": "control"}, "failed_runs": "omit"}}
    (folder / "stats/plan.json").write_text(json.dumps(plan))
    write_paper(load(folder), folder)
    return folder


@pytest.fixture(params=["paper", "hostile"])
def folder(request):
    return request.getfixturevalue(request.param)


def cells(row):
    """Cells of a row of a table: unescaped & separate them, \\multicolumn{n} counts as n."""
    spans = sum(int(n) - 1 for n in re.findall(r"\\multicolumn\{(\d+)\}", row))
    return len(re.findall(r"(?<!\\)&", row)) + 1 + spans


def test_latex_is_well_formed(folder):
    files = sorted((folder / "latex").glob("*.tex"))
    assert {"verdicts.tex", "coverage.tex", "failures.tex", "methods.tex", "tables.tex"} <= {
        file.name for file in files
    }
    for file in files:
        text = file.read_text()
        assert text.isascii(), file  # so that any input encoding reads it
        assert re.match(r"% Made by `dynconv report` from .+\.\n", text)
        body = re.sub(r"^%.*\n", "", text, flags=re.M)
        stack = []
        for kind, name in re.findall(r"\\(begin|end)\{(\w+)\}", body):
            if kind == "begin":
                stack.append(name)
            else:
                assert stack.pop() == name
        assert not stack
        assert body.count("\\begingroup") == body.count("\\endgroup")
        bare = re.sub(r"\\[{}%&#$_\\]", "", body)
        depth = 0
        for character in bare:
            depth += (character == "{") - (character == "}")
            assert depth >= 0
        assert depth == 0
        assert not re.search(r"(?<!\\)%", body)
        assert len(re.findall(r"(?<!\\)\$", body)) % 2 == 0


def test_every_row_has_its_cells(folder):
    checked = 0
    for file in (folder / "latex").glob("*.tex"):
        for table in re.findall(r"\\begin\{(?:tabular|longtable)\}(.*?)\\end\{", file.read_text(), re.S):
            columns = len(re.sub(r"p\{\d+pt\}", "p", re.match(r"\{((?:[lr]|p\{\d+pt\})+)\}", table)[1]))
            rows = [line for line in table.splitlines() if line.endswith(r"\\") and not line.startswith(r"\caption")]
            assert len(rows) >= 2
            assert {cells(row) for row in rows} == {columns}, file
            checked += len(rows)
    assert checked > 50


def test_no_special_character_is_left_bare(hostile):
    """Where `_` and `^` may stand: in math, in a label or the name of a file."""
    for file in (hostile / "latex").glob("*.tex"):
        text = re.sub(r"^%.*\n", "", file.read_text(), flags=re.M)
        text = re.sub(r"\\(label|input|cite|includegraphics(\[.*?\])?)\{[^}]*\}|(?<!\\)\$[^$]*(?<!\\)\$", "", text)
        assert not re.search(r"(?<!\\)[#_^]", text), file
        commands = set(COMMAND.findall(text)) - set("{}%&#$_\\,")
        known = "textbackslash textasciitilde textasciicircum char ldots H allowbreak textbf textsuperscript textit"
        layout = (
            "begin end toprule midrule bottomrule caption centering small footnotesize scriptsize setlength tabcolsep"
        )
        pages = (
            "par smallskip noindent linewidth endfirsthead endhead endfoot endlastfoot multicolumn begingroup endgroup"
        )
        document = "paragraph documentclass usepackage emergencystretch title author date maketitle section clearpage"
        assert commands <= set(f"{known} {layout} {pages} {document} bibliographystyle bibliography".split()), file


def test_numbers_stand_in_latex_rounded_and_in_csv_whole(paper):
    means = records.read("means", paper / "stats/means.parquet").to_pandas()
    for task in set(DATASETS.values()):
        text = (paper / f"latex/means-{task}.tex").read_text()
        own = means[means["task"] == task]
        whole = pd.read_csv(paper / f"csv/means-{task}.csv", float_precision="round_trip")
        assert whole["mean"].tolist() == own["mean"].tolist() and whole["sd"].tolist() == own["sd"].tolist()
        for row in own.to_dict("records"):
            line = next(line for line in text.splitlines() if line.startswith(escape(row["dataset"])))
            assert f"{100 * row['mean']:.1f} $\\pm$ {100 * row['sd']:.1f}" in line
        assert ("Mean rank" in text) == (task == "timeseries")


def test_the_best_is_bold_and_marks_are_explained(superior):
    write_paper(load(superior), superior)
    text = (superior / "latex/means-timeseries.tex").read_text()
    assert "odconv\\textsuperscript{+}" in text and "soft\\_local\\textsuperscript{$-$}" in text
    assert "+ significantly better than vanilla" in text and "$-$ significantly worse" in text
    for line in (line for line in text.splitlines() if line.startswith("ucr/")):
        values = [float(re.search(r"\d+\.\d", cell)[0]) for cell in line.split("&")[1:]]
        bold = [float(value) for value in re.findall(r"\\textbf\{(\d+\.\d)", line)]
        assert set(bold) == {max(values)}
    control = (superior / "latex/control-timeseries.tex").read_text()
    row = next(line for line in control.splitlines() if line.startswith("odconv"))
    assert "\\textbf{+3.1}" in row and "$<$0.001" in row and "superior" in row
    assert "[+2.0, +4.4]" in row.replace("{[}", "[").replace("{]}", "]")


def test_every_latex_table_has_its_csv(folder):
    tables = {file.stem for file in (folder / "latex").glob("*.tex")} - {"methods", "tables"}
    files = {file.stem for file in (folder / "csv").glob("*.csv")}
    assert tables <= files
    for name in files:
        with (folder / f"csv/{name}.csv").open(newline="", encoding="utf-8") as lines:
            rows = list(csv.reader(lines))
        assert len(rows) > 1 and len({len(row) for row in rows}) == 1
        assert len(set(rows[0])) == len(rows[0]) and all(rows[0])


def test_names_come_back_from_csv_as_they_were(hostile):
    variants = set(pd.read_csv(hostile / "csv/verdicts.csv")["variant"])
    assert variants == set(NAMES)


def test_failures_and_cut_names_are_told(paper, hostile):
    text = (paper / "latex/failures.tex").read_text()
    assert all(escape(cause) in text.replace("\\allowbreak{}", "") for cause in FAILED.values())
    text = (hostile / "latex/verdicts.tex").read_text().replace("\\allowbreak{}", "")
    assert "Names cut:" in text and "x" * 199 + "y" in text
    first = re.findall(r"^(x+\\ldots\{\}x+\S*) &", text, re.M)
    assert len(set(first)) == 2  # two names that differ in the last letter stay two


def test_contents_lists_every_file_with_its_rows(folder):
    text = (folder / "CONTENTS.md").read_text()
    listed = re.findall(r"^\| `([^`]+)` \|", text, re.M)
    there = [
        str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file() and file.name != "CONTENTS.md"
    ]
    assert sorted(listed) == sorted(there)
    assert {line.count(" | ") for line in text.splitlines() if line.startswith("| `")} == {4}
    runs = next(line for line in text.splitlines() if "tables/runs.parquet" in line)
    size = f"{(folder / 'tables/runs.parquet').stat().st_size:,}".replace(",", " ")
    rows = records.metadata(folder / "tables/runs.parquet").num_rows
    assert f"| {rows} | {size} | `dynconv collect` |" in runs
    assert "<script" not in text.replace("\\<script", "")


def test_same_tables_same_bytes_and_what_is_left_over_is_told(paper, tmp_path):
    copy = shutil.copytree(paper, tmp_path / "copy")
    (copy / "latex/means-old.tex").write_text("old")
    write_paper(load(copy), copy)
    assert "left by an earlier one" in (copy / "CONTENTS.md").read_text()
    for file in paper.rglob("*"):
        if file.is_file() and file.name != "CONTENTS.md":
            assert (copy / file.relative_to(paper)).read_bytes() == file.read_bytes()


def test_a_folder_of_runs_alone(make):
    folder = make(run_rows({"vanilla": 1.0}, {"digits": "classification"}))
    names = {str(file.relative_to(folder)) for file in write_paper(load(folder), folder)}
    assert "latex/coverage.tex" in names and "latex/verdicts.tex" not in names
    assert "no test was made" in (folder / "latex/methods.tex").read_text()


def test_wide_and_long_tables_are_parted():
    """Fourteen wide columns are more than a line has room for, sixty rows more than a page has."""
    columns = (Column("Dataset", numeric=False), *(Column(f"variant_{n}") for n in range(13)))
    rows = [[Cell(f"ucr/D{row}"), *(Cell(f"{row}.{n} \u00b1 1.5") for n in range(13))] for row in range(60)]
    text = render(Table("means", "Means.", columns, rows, {}, ("stats/means.parquet",), ("A note.",)))
    parts = text.split("\\begin{longtable}")[1:]
    assert len(parts) > 1 and all(part.count("\\endlastfoot") == part.count("A note.") == 1 for part in parts)
    assert [part.count("\nucr/D") for part in parts] == [60] * len(parts)  # each part has the datasets' names
    assert set(re.findall(r"label\{(.*?)\}", text)) == {f"tab:means-{n}" for n in range(1, len(parts) + 1)}
    for n in range(13):
        assert len({place for place, part in enumerate(parts) if f"59.{n} " in part}) == 1


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="needs pdflatex")
def test_a_real_latex_sets_it(folder, tmp_path):
    copy = shutil.copytree(folder, tmp_path / "copy")
    figure = copy / "figures/forest.pdf"
    if not figure.exists():
        import matplotlib

        matplotlib.use("pdf")
        from matplotlib.figure import Figure

        figure.parent.mkdir(exist_ok=True)
        Figure().savefig(figure)
    write_paper(load(copy), copy, {"forest": f"Figure of {EVIL}."})
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "tables"]
    for step in (command, ["bibtex", "tables"], command, command):
        done = subprocess.run(step, cwd=copy / "latex", capture_output=True, text=True, errors="replace", timeout=120)
        assert done.returncode == 0, done.stdout[-2000:]
    assert "Warning: Reference" not in done.stdout and "Warning: Citation" not in done.stdout
    overfull = [float(points) for points in re.findall(r"Overfull \\hbox \(([\d.]+)pt", done.stdout)]
    assert max(overfull, default=0) < 20, overfull
    assert "forest.pdf" in "".join(done.stdout.split())  # its log breaks lines anywhere


def test_escaping_keeps_every_character():
    assert escape("50 % & more_$1 #2 {x} ~ ^ \\") == (
        r"50 \% \& more\_\$1 \#2 \{x\} \textasciitilde{} \textasciicircum{} \textbackslash{}"
    )
    assert escape("\u22121.2 \u00b1 0.3\u00d7") == r"$-$1.2 $\pm$ 0.3$\times$"
    assert escape("a--b") == "a-{}-{}b" and escape("Dem\u0161ar, M\u00f6lder") == r"Dem\v{s}ar, M\"{o}lder"
    assert escape("\u6f22\ny\x07") == "{[}U+6F22{]} y"
    assert set(VARIANTS) == {escape(name).replace("\\_", "_") for name in VARIANTS}
