"""One run from end to end, in this process: its files, its failures."""

import math

import pytest

from dynconv import data, records
from dynconv.engine.run import train_run
from dynconv.errors import DynconvError
from dynconv.keep import Keep
from dynconv.study import RunKey

PRIMARY = {"digits": "accuracy", "ucr/GunPoint": "accuracy", "shapes_voc": "miou"}


def quiet(line):
    pass


def train(study, store, out, dataset="ucr/GunPoint", variant="vanilla", seed=0, **options):
    key = RunKey(dataset, variant, seed)
    return train_run(study, key, out, store, device_name="cpu", threads=1, toy=True, say=quiet, **options)


@pytest.mark.parametrize("dataset", PRIMARY)
@pytest.mark.parametrize("variant", ["vanilla", "odconv", "hard_attention"])
def test_every_task_writes_three_valid_files(make_study, store, tmp_path, dataset, variant):
    row = train(make_study(), store, tmp_path, dataset, variant)
    kept = records.read("runs", tmp_path / "run.parquet").to_pylist()[0]
    assert kept["status"] == "ok" and kept["failure"] is None and row["run_id"] == f"{dataset}/{variant}/seed0"
    assert 0 <= kept[PRIMARY[dataset]] <= 1 and kept["params"] > 0 and kept["macs"] > 0 and kept["train_s"] > 0
    assert kept["task"] == data.spec(dataset).task
    assert (kept["executed_fraction"] is not None) == (variant == "hard_attention")
    metrics = records.read("metrics", tmp_path / "metrics.parquet").to_pandas()
    assert set(metrics[metrics.split == "train"].epoch) == {1, 2}
    test = metrics[metrics.split == "test"].set_index("metric").value
    assert test[PRIMARY[dataset]] == kept[PRIMARY[dataset]]
    predictions = records.read("predictions", tmp_path / "predictions.parquet").to_pandas()
    counts = data.open_store(store / dataset, dataset).meta["counts"]
    assert list(predictions.example_id) == list(range(counts["test"]))
    assert not (tmp_path / "checkpoint.pt").exists()


def test_the_same_seed_gives_the_same_bits_and_another_seed_does_not(make_study, store, tmp_path):
    study = make_study(augment=[])
    rows = [train(study, store, tmp_path / str(i), variant="hard_attention", seed=s) for i, s in enumerate((0, 0, 1))]
    assert rows[0]["loss"] == rows[1]["loss"] != rows[2]["loss"]


def test_a_diverged_run_is_a_failed_row_and_never_a_number(make_study, store, tmp_path):
    row = train(make_study(lr=1e30, optimizer="sgd", schedule="constant"), store, tmp_path)
    kept = records.read("runs", tmp_path / "run.parquet").to_pylist()[0]
    assert kept["status"] == "failed" and "NaN or infinite in epoch 1, step" in kept["failure"]
    assert kept["accuracy"] is None and kept["loss"] is None and row["train_s"] > 0
    assert len(records.read("predictions", tmp_path / "predictions.parquet")) == 0


def test_a_run_that_diverges_in_its_last_step_is_a_failed_row(make_study, store, tmp_path):
    row = train(make_study(lr=1e30, optimizer="sgd", schedule="constant", epochs=1, batch_size=64), store, tmp_path)
    assert row["steps"] == 1 and row["status"] == "failed" and "after the last step" in row["failure"]
    assert records.read("runs", tmp_path / "run.parquet").to_pylist()[0]["accuracy"] is None


@pytest.mark.parametrize("on_failure", ["stop", "record"])
def test_a_run_that_dies_leaves_its_cause(make_study, store, tmp_path, monkeypatch, on_failure):
    def broken(*args, **kwargs):
        raise RuntimeError("the GPU fell off\nthe bus")

    monkeypatch.setattr("dynconv.engine.train.fit", broken)
    study = make_study(on_failure=on_failure)
    out, failures = tmp_path / "out", tmp_path / "failures"
    if on_failure == "stop":
        with pytest.raises(RuntimeError):
            train(study, store, out, failures=failures)
        assert not (out / "run.parquet").exists()
    else:
        train(study, store, out, failures=failures)
        row = records.read("runs", out / "run.parquet").to_pylist()[0]
        assert row["status"] == "failed" and row["failure"] == "RuntimeError: the GPU fell off the bus"
    assert "Traceback" in (failures / "ucr/GunPoint/vanilla/seed0.json").read_text()


@pytest.mark.parametrize(("predictions", "seeds"), [("first_seed", [0]), ("none", [])])
def test_a_run_keeps_the_predictions_that_the_study_wants(make_study, store, tmp_path, predictions, seeds):
    study = make_study(epochs=1).model_copy(update={"keep": Keep(predictions=predictions)})
    for seed in study.seeds:
        row = train(study, store, tmp_path / str(seed), seed=seed)
        table = records.read("predictions", tmp_path / str(seed) / "predictions.parquet")
        assert row["status"] == "ok" and bool(len(table)) is (seed in seeds)


@pytest.mark.parametrize(("kept", "names"), [("failed", ["checkpoint.pt"]), ("none", [])])
def test_a_failed_run_keeps_its_checkpoint_if_the_study_wants_it(make_study, store, tmp_path, monkeypatch, kept, names):
    def broken(*args, **kwargs):
        raise RuntimeError("after the last step")

    monkeypatch.setattr("dynconv.engine.train.evaluate", broken)
    study = make_study(epochs=2, checkpoint_every_s=0, on_failure="record")
    row = train(study.model_copy(update={"keep": Keep(checkpoints=kept)}), store, tmp_path)
    assert row["status"] == "failed"
    assert [file.name for file in tmp_path.glob("checkpoint.pt")] == names


def test_a_row_names_its_start_and_its_job(make_study, store, tmp_path, monkeypatch):
    slurm = "SLURM_ARRAY_JOB_ID", "SLURM_ARRAY_TASK_ID", "SLURM_JOB_ID"
    for name in ("SNAKEMAKE_SUBMITIT_ATTEMPT", "SNAKEMAKE_SUBMITIT_QUEUE_S", *slurm):
        monkeypatch.delenv(name, raising=False)
    row = train(make_study(epochs=1), store, tmp_path)
    assert (row["attempt"], row["slurm_job_id"], row["queue_s"]) == (1, None, None)
    monkeypatch.setenv("SNAKEMAKE_SUBMITIT_ATTEMPT", "3")
    monkeypatch.setenv("SNAKEMAKE_SUBMITIT_QUEUE_S", "62.125")
    monkeypatch.setenv("SLURM_JOB_ID", "41")
    row = train(make_study(epochs=1), store, tmp_path)
    assert (row["attempt"], row["slurm_job_id"], row["queue_s"]) == (3, "41", 62.125)
    monkeypatch.setenv("SLURM_ARRAY_JOB_ID", "40")
    monkeypatch.setenv("SLURM_ARRAY_TASK_ID", "0")
    row = train(make_study(epochs=1), store, tmp_path)
    assert row["slurm_job_id"] == "40_0"


@pytest.mark.parametrize(
    ("recipe", "options", "words"),
    [
        ({"augment": ["spin"]}, {}, "spin.*valid: "),
        ({"precision": "fp16"}, {}, "fp16 needs a GPU; valid on a CPU"),
        ({}, {"seed": 9}, "seed 9 is not in study tiny; valid: 0, 1"),
        ({}, {"variant": "odconv_9x"}, "unknown variant 'odconv_9x'; valid: "),
        ({"drop_last": True, "batch_size": 5000}, {}, "drop_last"),
    ],
)
def test_bad_input_is_found_before_training(make_study, store, tmp_path, recipe, options, words):
    with pytest.raises(DynconvError, match=words):
        train(make_study(**recipe), store, tmp_path / "out", **options)
    assert not list(tmp_path.rglob("*.parquet"))


def test_an_output_that_cannot_be_written_is_found_before_training(make_study, store, tmp_path):
    (tmp_path / "out").write_text("a file where the folder should be")
    with pytest.raises(DynconvError, match=r"out: cannot write the run's results here"):
        train(make_study(), store, tmp_path / "out")


def test_data_that_was_never_prepared_is_found_before_training(make_study, tmp_path):
    with pytest.raises(DynconvError, match=r"GunPoint"):
        train(make_study(), tmp_path / "nothing", tmp_path / "out")


@pytest.mark.parametrize(("optimizer", "schedule"), [("sgd", "cosine"), ("adam", "plateau"), ("adamw", "step")])
def test_recipes_reach_the_optimiser(make_study, store, tmp_path, optimizer, schedule):
    keys = {"optimizer": optimizer, "schedule": schedule, "step_epochs": [1], "clip_norm": 0.5, "accumulate": 3}
    row = train(make_study(**keys, label_smoothing=0.1, warmup_epochs=0.5), store, tmp_path)
    assert row["status"] == "ok" and math.isfinite(row["loss"])
    lr = records.read("metrics", tmp_path / "metrics.parquet").to_pandas().query("metric == 'lr'").value
    assert (lr.iloc[-1] < lr.iloc[0]) == (schedule != "plateau")


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_mixed_precision_trains(make_study, store, tmp_path, precision):
    row = train(make_study(precision=precision), store, tmp_path, "digits", "odconv")
    assert row["status"] == "ok" and row["precision"] == precision
