"""The union of runs: complete, checked, and only the study's own."""

import json

import pytest

from dynconv import records, study
from dynconv.collect import collect
from dynconv.errors import DynconvError

STUDY = study.parse(
    {"name": "s", "variants": ["vanilla", "odconv"], "datasets": ["digits", "ucr/GunPoint"], "seeds": 2}, "s.yaml"
)


def write_run(runs, key, folder=None, **changes):
    keys = {"run_id": f"{key.dataset}/{key.variant}/seed{key.seed}", **key._asdict()}
    folder = folder or runs / key.dataset / key.variant / f"seed{key.seed}"
    row = keys | {"task": "classification", "status": "ok", "accuracy": 0.5} | changes
    metric = {"split": "test", "epoch": 1, "step": 1, "metric": "accuracy", "value": 0.5}
    records.write("runs", [row], folder / "run.parquet")
    records.write("metrics", [keys | metric], folder / "metrics.parquet")
    records.write("predictions", [keys | {"example_id": i} for i in range(3)], folder / "predictions.parquet")
    return folder


@pytest.fixture
def runs(tmp_path):
    folder = tmp_path / "runs"
    for key in STUDY.runs():
        write_run(folder, key)
    return folder


def test_all_runs_are_united_in_the_study_s_order(runs, tmp_path):
    assert collect(runs, tmp_path / "t", study=STUDY) == {
        "runs": 8,
        "metrics": 8,
        "predictions": 24,
        "diagnostics": 0,
        "masks": 0,
        "profile": 0,
    }
    table = records.read("runs", tmp_path / "t/runs.parquet").to_pandas()
    assert list(zip(table.dataset, table.variant, table.seed, strict=True)) == [tuple(key) for key in STUDY.runs()]


def test_diagnostics_are_united_where_runs_have_some(runs, tmp_path):
    key = study.RunKey("digits", "odconv", 1)  # the others may be a workflow rule's, which writes none
    look = {"epoch": 1, "layer": "layer1.0.conv1", "subject": "channel", "quantity": "entropy", "value": 0.5}
    file = runs / key.run_id / "diagnostics.parquet"
    records.write("diagnostics", [{"run_id": key.run_id, **key._asdict(), **look}], file)
    assert collect(runs, tmp_path / "t", study=STUDY)["diagnostics"] == 1
    records.write("diagnostics", [{"run_id": key.run_id, **key._asdict(), **look, "seed": 0}], file)
    with pytest.raises(DynconvError, match=r"diagnostics.parquet: seed is 0, but the folder is that of 1"):
        collect(runs, tmp_path / "t", study=STUDY)


def test_masks_are_united_where_runs_have_some(runs, tmp_path):
    key = study.RunKey("digits", "vanilla", 0)
    rows = [{"example_id": n, "kind": "executed", "levels": 8, "content": bytes([n, 0, 255])} for n in (3, 1)]
    file = runs / key.run_id / "masks.parquet"
    records.write("masks", [{"run_id": key.run_id, **key._asdict(), **row} for row in rows], file)
    assert collect(runs, tmp_path / "t", study=STUDY)["masks"] == 2
    table = records.read("masks", tmp_path / "t/masks.parquet").to_pylist()
    assert [(row["run_id"], row["example_id"], row["content"]) for row in table] == [
        (key.run_id, n, bytes([n, 0, 255])) for n in (3, 1)
    ]
    records.write("masks", [{"run_id": key.run_id, **key._asdict(), **row, "dataset": "d"} for row in rows], file)
    with pytest.raises(DynconvError, match=r"masks.parquet: dataset is 'd', but the folder is that of 'digits'"):
        collect(runs, tmp_path / "t", study=STUDY)


def test_runs_of_another_study_stay_out(runs, tmp_path):
    write_run(runs, study.RunKey("digits", "vanilla", 99))
    assert collect(runs, tmp_path / "t", study=STUDY)["runs"] == 8
    assert collect(runs, tmp_path / "t")["runs"] == 9


def test_a_lost_run_with_a_failure_record_is_a_failed_row(runs, tmp_path):
    lost = runs / "digits/odconv/seed1"
    row = records.read("runs", lost / "run.parquet").to_pylist()[0]
    (lost / "run.parquet").unlink()
    row = {name: value for name, value in row.items() if value is not None and name != "accuracy"}
    file = tmp_path / "failures/digits/odconv/seed1.json"
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps({"row": row, "failure": "killed"}))
    collect(runs, tmp_path / "t", failures=tmp_path / "failures", study=STUDY)
    table = records.read("runs", tmp_path / "t/runs.parquet").to_pandas()
    assert list(table[table.status == "failed"].failure) == ["killed"] and len(table) == 8


def test_a_failure_that_a_later_attempt_mended_is_forgotten(runs, tmp_path):
    file = tmp_path / "failures/digits/odconv/seed1.json"
    file.parent.mkdir(parents=True)
    row = {"run_id": "digits/odconv/seed1", "task": "classification"}
    row |= {"dataset": "digits", "variant": "odconv", "seed": 1}
    file.write_text(json.dumps({"row": row, "failure": "killed"}))
    collect(runs, tmp_path / "t", failures=tmp_path / "failures", study=STUDY)
    assert set(records.read("runs", tmp_path / "t/runs.parquet").column("status").to_pylist()) == {"ok"}


def break_bytes(runs):
    (runs / "digits/vanilla/seed0/metrics.parquet").write_bytes(b"torn")


def move_run(runs):
    write_run(runs, study.RunKey("digits", "vanilla", 1), folder=runs / "digits/vanilla/seed0")


def lose_predictions(runs):
    (runs / "digits/vanilla/seed0/predictions.parquet").unlink()


def misplace(runs):
    write_run(runs, study.RunKey("digits", "vanilla", 0), folder=runs / "digits/zero")


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (break_bytes, r"digits/vanilla/seed0/metrics\.parquet: not a readable Parquet file"),
        (move_run, r"run\.parquet: seed is 1, but the folder is that of 0"),
        (lose_predictions, r"predictions\.parquet: no such file"),
        (misplace, r"digits/zero/run\.parquet: not where a run lives; valid: "),
    ],
)
def test_harmed_runs_are_named_and_the_old_tables_kept(runs, tmp_path, harm, words):
    collect(runs, tmp_path / "t", study=STUDY)
    before = {file.name: file.read_bytes() for file in (tmp_path / "t").iterdir()}
    harm(runs)
    with pytest.raises(DynconvError, match=words):
        collect(runs, tmp_path / "t")
    assert {file.name: file.read_bytes() for file in (tmp_path / "t").iterdir()} == before


def test_nothing_to_collect_is_an_error(tmp_path):
    with pytest.raises(DynconvError, match="no such folder of runs"):
        collect(tmp_path / "runs", tmp_path / "t")
    (tmp_path / "runs").mkdir()
    with pytest.raises(DynconvError, match="no run here belongs to study s"):
        collect(tmp_path / "runs", tmp_path / "t", study=STUDY)
