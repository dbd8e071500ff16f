"""Tables of every schema version so far are read; newer ones say what would read them."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dynconv import records, run_rows, schema_history, table
from dynconv.errors import DynconvError
from dynconv.tables import TABLES

OLD = Path(__file__).parent / "old_results"  # written by this project's first commits: see its README
RUN = {"run_id": "digits/vanilla/seed0", "task": "classification", "dataset": "digits", "variant": "vanilla"}
RUN |= {"seed": 0, "status": "ok", "accuracy": 0.5}


def first():
    """The columns of each table as the first commit that wrote tables had them."""
    return json.loads((OLD / "columns.json").read_text())


def test_the_history_tells_every_column():
    """A column or table that is added, renamed or dropped needs an entry in schema_history (and a new version once
    the last one has been released)."""
    known = {name: set(columns) for name, columns in first().items()}
    for change in schema_history.HISTORY:
        new = {column.name for name in change.tables for column in TABLES[name].columns}
        assert new, "a version without change"
        for name, columns in change.added.items():
            assert not known[name] & set(columns)
            known[name] |= set(columns)
    tables = {name for change in schema_history.HISTORY for name in change.tables}
    assert tables | known.keys() == TABLES.keys() and not tables & known.keys()
    for name, columns in known.items():
        assert columns == {column.name for column in TABLES[name].columns}, name
    assert [change.version for change in schema_history.HISTORY] == [*range(2, table.SCHEMA_VERSION + 1)]


def test_what_was_added_can_be_null():
    for change in schema_history.HISTORY:
        for name, columns in change.added.items():
            assert not set(columns) & set(TABLES[name].keys) - set(change.read), name


@pytest.mark.parametrize("commit", ["9769511", "78ea04f"])
def test_results_of_earlier_commits_are_read(commit):
    files = sorted((OLD / commit).rglob("*.parquet"))
    assert {file.stem for file in files} >= {"runs", "metrics", "profile", "pairwise"}
    for file in files:
        assert pq.read_schema(file).metadata[b"dynconv.schema"] == b"1"
        name = "runs" if file.stem == "run" else file.stem
        read = records.read(name, file)
        raw = pq.ParquetFile(file).read()
        assert read.column_names == [column.name for column in TABLES[name].columns] and len(read) == len(raw) > 0
        for column in raw.column_names:
            assert read.column(column).equals(raw.column(column)), (file, column)


def test_what_decided_in_old_comparisons_is_told():
    old = records.read("pairwise", OLD / "9769511/stats/pairwise.parquet").to_pandas()
    assert set(old["test"]) == {"wilcoxon"} and set(old["adjustment"]) == {"holm"}
    assert old["p_adjusted"].equals(old["p_holm"]) and old["p"].equals(old["p_wilcoxon"])


def test_the_permutation_test_s_own_holm_kept_its_numbers(tmp_path):
    keys = {"task": "t", "dataset": "d", "variant_a": "a", "variant_b": "b"}
    columns = {name: pa.array([value]) for name, value in (keys | {"p_holm": 0.25}).items()}
    pq.write_table(pa.table(columns).replace_schema_metadata({"dynconv.schema": "1"}), tmp_path / "seeds.parquet")
    (row,) = records.read("seeds", tmp_path / "seeds.parquet").to_pylist()
    assert (row["p_holm_permutation"], row["p_holm"]) == (0.25, None)


def test_rows_of_old_runs_are_read_by_column():
    found = run_rows.files(OLD / "9769511")
    rows = run_rows.read(OLD / "9769511", found, ["status", "accuracy", "plan_hash"])
    assert rows and all(row["status"] == "ok" and row["accuracy"] and row["plan_hash"] is None for row in rows.values())


def write(path, rows, **metadata):
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows).replace_schema_metadata(metadata), path)
    return path


def test_a_newer_file_says_what_reads_it(tmp_path):
    said = {"dynconv.schema": "99", "dynconv.version": "7.8.9"}
    file = write(tmp_path / "runs" / RUN["run_id"] / "run.parquet", [RUN | {"colour": "red"}], **said)
    words = r"run\.parquet: was written by a newer dynconv \(7\.8\.9\), in schema version 99.*reads versions 1 to"
    with pytest.raises(DynconvError, match=words + ".*valid: the dynconv that wrote it"):
        records.read("runs", file)
    with pytest.raises(DynconvError, match=words):
        run_rows.read(tmp_path, run_rows.files(tmp_path), ["status"])


@pytest.mark.parametrize("said", ["", "0", "-1", "two", "<script>"])
def test_a_version_that_is_none_is_named(tmp_path, said):
    file = write(tmp_path / "runs.parquet", [RUN], **{"dynconv.schema": said})
    with pytest.raises(DynconvError, match=rf"schema version '{said}'; valid: 1 to {table.SCHEMA_VERSION}"):
        records.read("runs", file)


def test_other_people_s_files_say_no_version(tmp_path):
    assert len(records.read("runs", write(tmp_path / "runs.parquet", [RUN]))) == 1


def test_renamed_columns_dropped_ones_and_new_keys_can_be_read(tmp_path, monkeypatch):
    """The next version may do what none has done so far."""

    def read(old):
        names = ["task" if name == "kind" else name for name in old.column_names]
        return old.rename_columns(names).drop_columns(["colour"]).append_column("status", pa.array(["ok"] * len(old)))

    change = schema_history.Change(table.SCHEMA_VERSION + 1, (), {}, {"runs": read})
    monkeypatch.setattr(schema_history, "HISTORY", (*schema_history.HISTORY, change))
    monkeypatch.setattr(schema_history, "SCHEMA_VERSION", change.version)
    row = {"kind" if name == "task" else name: value for name, value in RUN.items() if name != "status"}
    file = write(
        tmp_path / "runs" / RUN["run_id"] / "run.parquet", [row | {"colour": "red"}], **{"dynconv.schema": "1"}
    )
    (found,) = records.read("runs", file).to_pylist()
    assert (found["task"], found["status"]) == ("classification", "ok")
    (found,) = run_rows.read(tmp_path, run_rows.files(tmp_path), ["task", "status"]).values()
    assert (found["task"], found["status"]) == ("classification", "ok")
