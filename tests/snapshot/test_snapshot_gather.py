"""What a snapshot takes from the runs' files: every table, test examples, files of older schema versions."""

import io
import json
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from half_way import finish, row_of, rows, study_in
from PIL import Image

from dynconv import records, schema_history, table
from dynconv.cli import main
from dynconv.data.sheet import Example, Excerpt
from dynconv.report.example_rows import rows as rows_of
from dynconv.snapshot.gather import gather
from dynconv.study import RunKey

OLD = Path(__file__).parents[1] / "old_results/9769511/runs"  # of schema version 1


def png():
    buffer = io.BytesIO()
    Image.fromarray(np.arange(4, dtype=np.uint8).reshape(2, 2)).save(buffer, "png")
    return buffer.getvalue()


def test_masks_and_test_examples_are_on_the_page(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    study = study_in(tmp_path)
    mask = {"example_id": 0, "kind": "executed", "levels": 8, "content": png()}
    masked = [key for key in study.runs() if key.variant == "odconv" and key.dataset == "digits"]
    for key in study.runs():
        finish(study, key, masks=[mask] if key in masked else [])
    shown = (Example(np.zeros((3, 8, 8), np.uint8)), Example(np.ones((3, 8, 8), np.uint8)))
    excerpt = Excerpt("digits", False, None, ("zero", "one"), (0, 1), (0, 1), shown)
    samples = tmp_path / "results/samples"
    records.write("examples", rows_of(excerpt), samples / "digits.test.parquet")
    (samples / "ucr").mkdir()
    (samples / "ucr/GunPoint.test.parquet").write_bytes(b"half")

    assert main(["snapshot", "--study", "study.yaml"]) == 0

    out = tmp_path / "results/snapshot"
    assert [row["run_id"] for row in rows(out, "masks")] == [key.run_id for key in masked]
    assert rows(out, "masks")[0]["content"] == mask["content"]
    kept = "samples/digits.test.parquet"
    assert (out / kept).read_bytes() == (samples.parent / kept).read_bytes()
    page = (out / "report.html").read_text()
    assert "examples of digits" in page and "tables/masks.parquet" in page
    (note,) = (note for note in json.loads((out / "snapshot.json").read_text())["notes"] if "GunPoint" in note)
    assert note.startswith(f"samples/ucr/GunPoint.test.parquet: left out: {samples}/ucr/GunPoint.test.parquet: not a")
    assert not (out / "samples/ucr/GunPoint.test.parquet").exists()


def gathered(study, keys, out, also=None):
    hashes = {(key.dataset, key.variant): {row_of(study, key)["run_hash"], also} for key in keys}
    return gather(Path(study.results, "runs"), keys, hashes, lambda found: [], out)


def test_runs_of_older_schema_versions_are_taken(tmp_path, monkeypatch):
    study = study_in(tmp_path)
    old, new = RunKey("digits", "vanilla", 0), RunKey("digits", "vanilla", 1)
    folder = Path(study.results, "runs", old.run_id)
    shutil.copytree(OLD / old.run_id, folder)
    finish(study, new)
    held = records.read("runs", folder / "run.parquet").to_pylist()[0]
    found = gathered(study, [old, new], tmp_path / "tables", held["run_hash"])
    assert found.status == {old.run_id: "ok", new.run_id: "ok"}
    assert rows(tmp_path, "runs")[0] == held

    def read(before):
        return before.rename_columns(["confidence" if name == "certainty" else name for name in before.column_names])

    change = schema_history.Change(table.SCHEMA_VERSION + 1, (), {}, {"predictions": read})
    monkeypatch.setattr(schema_history, "HISTORY", (*schema_history.HISTORY, change))
    file = folder / "predictions.parquet"
    before = pq.ParquetFile(file).read()
    names = ["certainty" if name == "confidence" else name for name in before.column_names]
    pq.write_table(before.rename_columns(names).replace_schema_metadata({"dynconv.schema": "1"}), file)
    found = gathered(study, [old, new], tmp_path / "tables", held["run_hash"])
    assert found.status == {old.run_id: "ok", new.run_id: "ok"}
    certain = records.read("predictions", tmp_path / "tables/predictions.parquet").slice(0, len(before))
    assert certain.column("confidence").equals(pa.chunked_array(before.column("confidence").chunks))
