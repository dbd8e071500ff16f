"""Failed runs: causes in groups, the ends of their logs, and nothing that a name or a log can do to the page."""

import json

import pytest
from report_example import run_rows, write
from report_page import words

from dynconv import records
from dynconv.report import failures
from dynconv.report.results import load

EVIL = "<script>alert(1)</script>"
STUDY = "name: s\nvariants: [vanilla, {name: other, rule: true}]\ndatasets: [digits]\nseeds: 3\nresults: out/put\n"


def failed_rows(count, cause="loss is NaN at epoch {n}, step 4.5e-3{n}"):
    rows = run_rows({"vanilla": 1.0}, {"digits": "classification"}, seeds=count)
    return [row | {"status": "failed", "failure": cause and cause.format(n=n)} for n, row in enumerate(rows)]


def results_of(folder, rows):
    records.write("runs", rows, folder / "tables/runs.parquet")
    return load(folder)


def log_of(workflow, row, content):
    file = workflow / f"logs/train/{row['run_id']}.log"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)


def test_causes_are_alike_but_for_their_numbers(tmp_path):
    rows = failed_rows(4) + [
        row | {"variant": "odconv", "run_id": f"o{n}"} for n, row in enumerate(failed_rows(2, None))
    ]
    first, second = failures.causes(results_of(tmp_path, rows))
    assert (first.text, first.runs) == ("loss is NaN at epoch N, step N", 4)
    assert first.variants == [("vanilla", 4)] and first.datasets == [("digits", 4)]
    assert (second.text, second.runs, second.variants) == (failures.UNKNOWN, 2, [("odconv", 2)])


def test_a_log_ends_with_its_last_lines_as_a_terminal_shows_them(tmp_path):
    rows = failed_rows(1)
    lines = b"\n".join(b"line %d" % n for n in range(2000))
    log_of(tmp_path, rows[0], lines + b"\n10 %\r50 %\r\x1b[31mred\x1b[0m \x00\xff\x07end\n\n")
    (one,) = failures.failures(results_of(tmp_path / "results", rows))
    last = one.tail.split("\n")
    assert len(last) == 15 and last[0] == "line 1986" and last[-1] == "red \N{REPLACEMENT CHARACTER}end"
    assert one.log == "logs/train/digits/vanilla/seed0.log" and one.record is None


def test_the_traceback_of_the_record_stands_in_for_a_log(tmp_path):
    rows = failed_rows(4)
    results = results_of(tmp_path / "results", rows)
    records_of = results.folder / "failures/digits/vanilla"
    records_of.mkdir(parents=True)
    (records_of / "seed0.json").write_text(json.dumps({"traceback": "Traceback:\nValueError: no\n"}))
    (records_of / "seed1.json").write_text(json.dumps({"traceback": None}))
    (records_of / "seed2.json").write_text("{")
    found = failures.failures(results)
    assert [one.tail for one in found] == ["Traceback:\nValueError: no", None, None, None]
    assert [one.record is not None for one in found] == [True, True, False, False]


def test_no_more_ends_than_a_page_can_carry(tmp_path):
    rows = failed_rows(failures.SHOWN + 5)
    for row in rows:
        log_of(tmp_path, row, b"x" * 100_000)
    found = failures.failures(results_of(tmp_path / "results", rows))
    tails = [one.tail for one in found if one.tail]
    assert len(found) == failures.SHOWN and len(tails) == failures.TAILS
    assert max(map(len, tails)) == 4000


@pytest.mark.parametrize("dataset", ["../../secret", "x" * 300, "nul\0"])
def test_a_strange_name_reads_nothing(tmp_path, dataset):
    rows = [row | {"dataset": dataset, "run_id": f"{dataset}/vanilla/seed0"} for row in failed_rows(1)]
    (tmp_path / "secret/vanilla").mkdir(parents=True)
    (tmp_path / "secret/vanilla/seed0.log").write_text("secret")
    (tmp_path / "logs/train").mkdir(parents=True)
    assert [one.tail for one in failures.failures(results_of(tmp_path / "results", rows))] == [None]


def test_logs_are_where_the_study_says_that_its_workflow_is(tmp_path, monkeypatch):
    folder = tmp_path / "w/out/put"
    rows = failed_rows(1)
    records.write("runs", rows, folder / "tables/runs.parquet")
    (folder / "study.yaml").write_text(STUDY)
    assert failures.folder_of_workflow(load(folder)) == tmp_path / "w"
    (folder / "study.yaml").write_text(STUDY.replace("out/put", str(folder)))
    monkeypatch.chdir(tmp_path)
    assert failures.folder_of_workflow(load(folder)) == tmp_path


def test_a_page_with_hostile_failures(tmp_path):
    rows = run_rows({"vanilla": 1.0, EVIL: 1.1}, {"digits": "classification"})
    rows[4] |= {"status": "failed", "failure": f"{EVIL} & 7 times", "hostname": EVIL, "slurm_job_id": "12_<b>"}
    log_of(tmp_path, rows[4], f"{EVIL}</pre></details>\n".encode())
    page = words(write(tmp_path / "results", rows))
    assert "<script>alert(N)</script> & N times" in page.text and f"{EVIL} & 7 times" in page.text
    assert f"{EVIL}</pre></details>" in page.text and "<script>alert" not in page.source
    assert "2 of 3" in page.text  # in the grid
