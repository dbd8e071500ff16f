"""A later snapshot parses only the runs that have changed, and its tables are those of one that parses all."""

import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from half_way import finish, row_of, study_in

import dynconv.snapshot.gather as reading
from dynconv import records
from dynconv.cli import main
from dynconv.snapshot.earlier import FILE

MASK = {"example_id": 0, "kind": "executed", "levels": 8, "content": b"png"}


@pytest.fixture
def parsed(monkeypatch):
    """The runs whose files are parsed, each as often as it has files."""
    found, parse = [], reading._parse

    def spy(name, content, where):
        found.append(where.split("/runs/")[1].rpartition("/")[0])
        return parse(name, content, where)

    monkeypatch.setattr(reading, "_parse", spy)
    return found


@pytest.fixture
def study(tmp_path):
    """Three seeds of each of four cells; one run of them has died without files."""
    made = study_in(tmp_path, seeds=3)
    for key in [*made.runs()][:-1]:
        finish(made, key, masks=[MASK] if key.variant == "odconv" else [], accuracy=0.5 + key.seed / 10)
    return made


def gathered(study, keys, out, before=None, hashes=None):
    known = {(key.dataset, key.variant): {row_of(study, key)["run_hash"]} for key in keys}
    lost = records.to_table("runs", [row_of(study, [*study.runs()][-1], status="failed", failure="lost")])
    folder = Path(study.results, "runs")
    found = reading.gather(folder, keys, hashes or known, lambda found: [lost], out / "tables", before)
    return found, {file.name: file.read_bytes() for file in sorted((out / "tables").iterdir())}


def both(study, keys, folder, parsed, hashes=None):
    """What comes of all files, and of an earlier snapshot in `folder/old` and the runs that were parsed then."""
    anew = gathered(study, keys, folder / "anew", None, hashes)
    parsed.clear()
    later = gathered(study, keys, folder / "later", folder / "old/tables", hashes)
    return anew, later, set(parsed)


def test_only_what_has_changed_is_parsed(tmp_path, study, parsed):
    keys = [*study.runs()]
    gone, again, late, unmasked = keys[0], keys[1], keys[2], keys[4]
    shutil.move(Path(study.results, "runs", late.run_id), tmp_path / "aside")
    gathered(study, keys, tmp_path / "old")
    shutil.rmtree(Path(study.results, "runs", gone.run_id))
    finish(study, again, attempt=2)
    shutil.move(tmp_path / "aside", Path(study.results, "runs", late.run_id))
    Path(study.results, "runs", unmasked.run_id, "masks.parquet").unlink()
    anew, later, read = both(study, keys, tmp_path, parsed)
    assert later == anew and read == {again.run_id, late.run_id, unmasked.run_id}
    assert gone.run_id not in later[0].status and len(later[0].status) == 10
    # What it has written serves the next one.
    shutil.rmtree(tmp_path / "old")
    (tmp_path / "later").rename(tmp_path / "old")
    anew, later, read = both(study, keys, tmp_path, parsed)
    assert later == anew and read == set()


def test_of_a_study_with_fewer_seeds_and_another_order(tmp_path, study, parsed):
    gathered(study, [*study.runs()], tmp_path / "old")
    keys = [key for key in reversed([*study.runs()]) if key.seed != 1]
    anew, later, read = both(study, keys, tmp_path, parsed)
    assert later == anew and read == set() and len(later[0].status) == 7


def test_of_a_study_with_another_recipe(tmp_path, study, parsed):
    keys = [*study.runs()]
    gathered(study, keys, tmp_path / "old")
    hashes = {(key.dataset, key.variant): {row_of(study, key)["run_hash"]} for key in keys}
    hashes["digits", "odconv"] = {"new"}
    anew, later, read = both(study, keys, tmp_path, parsed, hashes)
    assert later == anew and read == set() and later[0].outdated == [key.run_id for key in keys[3:6]]


def cut(tables):
    file = tables / FILE
    file.write_bytes(file.read_bytes()[:-9])


def without_a_table(tables):
    (tables / "masks.parquet").unlink()


def one_wrong_byte(tables):
    column = pq.read_metadata(tables / "predictions.parquet").row_group(0).column(6)
    with (tables / "predictions.parquet").open("r+b") as file:
        file.seek((column.dictionary_page_offset or column.data_page_offset) + column.total_compressed_size - 1)
        (byte,) = file.read(1)
        file.seek(-1, 1)
        file.write(bytes([byte ^ 1]))


def of_another_version(tables):
    table = pq.ParquetFile(tables / "metrics.parquet").read()
    said = dict(table.schema.metadata) | {b"dynconv.version": b"0.0.1"}
    pq.write_table(table.replace_schema_metadata(said), tables / "metrics.parquet")


def with_rows_of_other_runs(tables):
    table = pq.ParquetFile(tables / "metrics.parquet").read()
    pq.write_table(table.take([*range(1, len(table)), 0]), tables / "metrics.parquet")


def with_fewer_rows(tables):
    table = pq.ParquetFile(tables / "predictions.parquet").read()
    pq.write_table(table.slice(0, len(table) - 1), tables / "predictions.parquet")


def of_other_columns(tables):
    table = pq.ParquetFile(tables / FILE).read()
    pq.write_table(table.drop_columns(["masks_inode"]), tables / FILE)


DAMAGES = (
    *(cut, without_a_table, one_wrong_byte, of_another_version, with_rows_of_other_runs, with_fewer_rows),
    *(of_other_columns, shutil.rmtree),
)


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_a_damaged_one_is_not_used(tmp_path, study, parsed, damage):
    keys = [*study.runs()]
    gathered(study, keys, tmp_path / "old")
    damage(tmp_path / "old/tables")
    anew, later, read = both(study, keys, tmp_path, parsed)
    assert later == anew and read == set(later[0].status) and len(read) == 11


def test_by_the_command(tmp_path, monkeypatch, parsed):
    """In another folder, too, the one in the results folder serves."""
    monkeypatch.chdir(tmp_path)
    study = study_in(tmp_path, datasets=["digits"], seeds=3)
    first, second, _ = (key for key in study.runs() if key.variant == "vanilla")
    for words, new in (([], first), (["--out", "other"], second)):
        finish(study, new)
        parsed.clear()
        assert main(["snapshot", "--study", "study.yaml", *words]) == 0
        assert set(parsed) == {new.run_id}
    assert len(records.read("runs", tmp_path / "other/tables/runs.parquet")) == 2
