"""Files are whole or absent; tables obey the one schema."""

import resource
import subprocess
import sys

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from dynconv import files, records
from dynconv.errors import DynconvError

RANK = {"task": "timeseries", "variant": "vanilla", "mean_rank": 1.5, "n_datasets": 3}


def test_a_failed_write_leaves_the_old_file_and_no_litter(tmp_path):
    path = tmp_path / "a.txt"
    files.write_text(path, "old")
    with pytest.raises(RuntimeError), files.atomic(path) as scratch:
        scratch.write_text("half of the n")
        raise RuntimeError
    assert path.read_text() == "old"
    assert [file.name for file in tmp_path.iterdir()] == ["a.txt"]


def test_a_folder_that_is_a_file_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DynconvError, match=r"file/a\.txt: cannot write: a part of the path is a file"):
        files.write_text(tmp_path / "file" / "a.txt", "x")


def test_no_space_left_is_one_line_and_loses_nothing(tmp_path):
    path = tmp_path / "ranks.parquet"
    records.write("ranks", [RANK], path)
    before = path.read_bytes()
    # A limit on the size of files stands in for a full disk: the write itself fails, in the middle.
    code = f"""
import resource, signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
from dynconv import records
rows = [dict(task=str(i), variant="v", mean_rank=i / 7) for i in range(50_000)]
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
try:
    records.write("ranks", rows, {str(path)!r})
except records.DynconvError as error:
    print(error)
"""
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.startswith(f"{path}: cannot write: ") and len(said.splitlines()) == 1
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["ranks.parquet"]
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY


def test_every_table_is_documented_keyed_and_read_by_everyone(tmp_path):
    assert {"runs", "metrics", "predictions", "profile", "means", "ranks", "omnibus", "pairwise"} <= set(records.TABLES)
    for name, table in records.TABLES.items():
        assert table.keys and all(column.doc for column in table.columns)
        row = {c.name: {pa.string(): "x", pa.int64(): 1, pa.float64(): 0.5}[c.type] for c in table.columns if c.key}
        path = tmp_path / f"{name}.parquet"
        records.write(name, [row], path)
        assert len(pd.read_parquet(path)) == len(pl.read_parquet(path)) == 1
        assert duckdb.sql(f"select count(*) as n from '{path}'").df().n.item() == 1
        assert records.read(name, path).schema.field(0).metadata[b"doc"].decode() == table.columns[0].doc


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([RANK | {"colour": "red"}], "unknown column 'colour' in table 'ranks'; valid: .*mean_rank"),
        ([{"task": "x"}], "column 'variant' of table 'ranks' is missing"),
        ([RANK | {"variant": None}], "column 'variant' of table 'ranks' has 1 nulls"),
        ([RANK, RANK], "1 keys stand more than once"),
        ([RANK | {"mean_rank": "first"}], "do not fit|mean_rank"),
        (pd.DataFrame([RANK | {"mean_rank": "first"}]), "column 'mean_rank' is .*string, must be double"),
    ],
)
def test_wrong_rows_are_refused_before_anything_is_written(tmp_path, rows, words):
    with pytest.raises(DynconvError, match=words):
        records.write("ranks", rows, tmp_path / "ranks.parquet")
    assert not list(tmp_path.iterdir())


def test_unreadable_files_are_named(tmp_path):
    path = tmp_path / "ranks.parquet"
    with pytest.raises(DynconvError, match=r"ranks\.parquet: no such file"):
        records.read("ranks", path)
    path.write_bytes(b"PAR1 torn")
    with pytest.raises(DynconvError, match=r"ranks\.parquet: not a readable Parquet file"):
        records.read("ranks", path)
    with pytest.raises(DynconvError, match=r"unknown table 'rank'; valid: .*ranks"):
        records.write("rank", [], path)


def test_small_tables_are_quick_to_read_and_large_ones_small(tmp_path):
    for count, codec in ((1, "SNAPPY"), (5000, "ZSTD")):
        rows = [RANK | {"variant": f"v{number}"} for number in range(count)]
        table = records.write("ranks", rows, tmp_path / "ranks.parquet")
        column = records.metadata(tmp_path / "ranks.parquet").row_group(0).column(0)
        assert column.compression == codec and records.read("ranks", tmp_path / "ranks.parquet").equals(table)
