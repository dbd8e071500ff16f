"""One trial from end to end: trained as a run is, judged without the test split."""

import json
import shutil
import signal

import numpy as np
import pytest

from dynconv import choice, data, records, study
from dynconv.data.cut import cut
from dynconv.data.writer import Writer
from dynconv.engine.run import train_run
from dynconv.engine.setup import setup
from dynconv.engine.trial import train_trial
from dynconv.errors import DynconvError
from dynconv.stopping import Stop, Stopped
from dynconv.study import RunKey
from dynconv.trials import TrialKey, cut_key, training_seed

TUNE = {"search": "grid", "keys": {"lr": [0.05, 1e30]}, "validation": 0.25}
METRIC = {"digits": "accuracy", "ucr/GunPoint": "accuracy", "shapes_voc": "miou"}


def quiet(line):
    pass


@pytest.fixture
def tuned(make_study):
    """The study of `make_study` with a search; `tuned(tune={...}, on_failure=..., **recipe)`."""

    def make(tune=None, **keys):
        content = make_study(**keys).model_dump(mode="json", exclude={"tune"})
        return study.parse(content | {"tune": TUNE | (tune or {})}, "tiny.yaml")

    return make


def tune(study, store, out, trial=1, dataset="ucr/GunPoint", variant="vanilla", **options):
    key = TrialKey(dataset, variant, trial)
    return train_trial(study, key, out, store, device_name="cpu", threads=1, toy=True, say=quiet, **options)


def row_of(out):
    return records.read("trials", out / "trial.parquet").to_pylist()[0]


@pytest.mark.parametrize("dataset", METRIC)
def test_a_trial_never_reads_the_test_split(tuned, store, tmp_path, dataset):
    kept = tune(tuned(), store, tmp_path / "whole", dataset=dataset)
    shutil.copytree(store / dataset, tmp_path / "data" / dataset)
    (tmp_path / "data" / dataset / "test_x.npy").unlink()
    (tmp_path / "data" / dataset / "test_y.npy").write_bytes(b"garbage")
    tune(tuned(), tmp_path / "data", tmp_path / "blind", dataset=dataset)
    one, other = row_of(tmp_path / "whole"), row_of(tmp_path / "blind")
    assert one["status"] == "ok" and 0 <= one[METRIC[dataset]] <= 1
    for name in ("loss", METRIC[dataset], "steps", "n_train", "n_validation", "trial_hash", "settings"):
        assert one[name] == other[name] == kept[name]
    assert other["seed"] == training_seed(tuned()) and other["epochs"] == 2 and other["train_s"] > 0
    assert [file.name for file in (tmp_path / "blind").iterdir()] == ["trial.parquet"]
    with pytest.raises(DynconvError, match=r"test_x\.npy: no such file"):  # a run still asks for it
        train_run(tuned(), RunKey(dataset, "vanilla", 0), tmp_path / "run", tmp_path / "data", toy=True, say=quiet)


def test_it_trains_on_one_part_and_is_judged_by_the_other(tuned, store):
    found = tuned()
    part = (0.25, cut_key(found, "digits"))
    place = setup(found, "digits", store, "cpu", 1, validation=part)
    whole = data.open_store(store / "digits", "digits").train
    train, validation = cut(np.asarray(whole.y), *part)
    every = np.arange(len(validation))
    np.testing.assert_array_equal(place.judge.x[every], whole.x[validation])
    np.testing.assert_array_equal(place.judge.y[every], whole.y[validation])
    np.testing.assert_array_equal(place.train.y[np.arange(len(train))], whole.y[train])
    assert place.judge_name == "validation" and len(place.train.x) + len(place.judge.x) == len(whole.x)


def test_settings_reach_the_training_and_overrides_hold_for_the_search_alone(tuned, store, tmp_path):
    found = tuned(tune={"recipe": {"epochs": 1}})
    losses = []
    for number, settings in enumerate(({}, {"lr": 0.05})):
        tune(found, store, tmp_path / str(number), number)
        row = row_of(tmp_path / str(number))
        losses.append(row["loss"])
        assert row["epochs"] == 1 and json.loads(row["settings"]) == settings
    assert losses[0] != losses[1]
    choice.write(tmp_path / "c.json", choice.pick([row_of(tmp_path / "1")], "accuracy"))
    key = RunKey("ucr/GunPoint", "vanilla", 0)
    rows = []
    for name, file in (("plain", None), ("chosen", tmp_path / "c.json")):
        rows.append(train_run(found, key, tmp_path / name, store, choice_file=file, toy=True, say=quiet))
    assert [row["epochs"] for row in rows] == [2, 2] and rows[0]["loss"] != rows[1]["loss"]
    settings = {"lr": 0.05}
    assert rows[0]["run_hash"] == found.run_hash("ucr/GunPoint", "timeseries", "vanilla")
    assert rows[1]["run_hash"] == found.run_hash("ucr/GunPoint", "timeseries", "vanilla", settings)
    with pytest.raises(DynconvError, match=r"is for ucr/GunPoint vanilla; valid: ucr/GunPoint odconv"):
        train_run(found, RunKey("ucr/GunPoint", "odconv", 0), tmp_path / "o", store, choice_file=tmp_path / "c.json")


def test_a_trial_that_diverges_is_a_failed_row_without_a_value(tuned, store, tmp_path):
    found = tuned(optimizer="sgd", schedule="constant")
    tune(found, store, tmp_path, 2)
    row = row_of(tmp_path)
    assert row["status"] == "failed" and "NaN or infinite" in row["failure"] and row["accuracy"] is None
    assert not list(tmp_path.glob("checkpoint*"))


def test_a_stopped_trial_continues_to_the_same_bits(tuned, store, tmp_path):
    found = tuned(checkpoint_every_s=0)
    tune(found, store, tmp_path / "whole")
    stop = Stop()

    def say(line):
        if line.startswith("epoch 1/"):
            stop.asked = signal.SIGUSR2

    key = TrialKey("ucr/GunPoint", "vanilla", 1)
    options = {"device_name": "cpu", "threads": 1, "toy": True}
    with pytest.raises(Stopped, match=r"continues from .*checkpoint\.pt"):
        train_trial(found, key, tmp_path / "out", store, say=say, stop=stop, **options)
    assert not (tmp_path / "out/trial.parquet").exists()
    said = []
    train_trial(found, key, tmp_path / "out", store, say=said.append, **options)
    assert any("resuming after step" in line for line in said)
    one, other = row_of(tmp_path / "whole"), row_of(tmp_path / "out")
    assert one["loss"] == other["loss"] and one["steps"] == other["steps"]
    assert not (tmp_path / "out/checkpoint.pt").exists()


@pytest.mark.parametrize("on_failure", ["stop", "record"])
def test_a_trial_that_dies_leaves_its_cause(tuned, store, tmp_path, monkeypatch, on_failure):
    def broken(*args, **kwargs):
        raise RuntimeError("the GPU fell off")

    monkeypatch.setattr("dynconv.engine.train.fit", broken)
    found, failures = tuned(on_failure=on_failure), tmp_path / "failures"
    if on_failure == "stop":
        with pytest.raises(RuntimeError):
            tune(found, store, tmp_path / "out", failures=failures)
    else:
        tune(found, store, tmp_path / "out", failures=failures)
        assert row_of(tmp_path / "out")["failure"] == "RuntimeError: the GPU fell off"
    assert "Traceback" in (failures / "ucr/GunPoint/vanilla/trial1.json").read_text()


def test_where_nothing_can_be_cut_off_nothing_is_trained(tuned, store, tmp_path):
    with Writer(tmp_path / "data/ucr/GunPoint", "ucr/GunPoint", data.spec("ucr/GunPoint"), toy=True) as writer:
        writer.describe(["a", "b", "c"], [])
        for split in ("train", "test"):
            writer.split(split, [(np.full((1, 16), k, np.float32), k) for k in range(3)])
    found = tuned()
    for number in range(3):
        tune(found, tmp_path / "data", tmp_path / "t" / f"trial{number}", number)
    rows = choice.rows_of(found, "ucr/GunPoint", "timeseries", "vanilla", tmp_path / "t")
    assert {(row["status"], row["n_validation"], row["train_s"]) for row in rows} == {("skipped", 0, None)}
    chosen = choice.pick(rows, "accuracy")
    assert (chosen["trial"], chosen["settings"], chosen["value"], chosen["n_failed"]) == (0, "{}", None, 3)
    assert "the recipe as it stands: every trial was skipped" in chosen["reason"]
    assert "no class has a second example" in chosen["reason"]
    records.to_table("choices", [chosen])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"trial": 3}, r"trial3 is not in study tiny; valid trials: 0 to 2"),
        ({"dataset": "letters"}, "letters"),
    ],
)
def test_bad_input_is_found_before_training(tuned, store, tmp_path, options, words):
    with pytest.raises(DynconvError, match=words):
        tune(tuned(), store, tmp_path / "out", **options)
    assert not list(tmp_path.rglob("*.parquet"))


def test_a_study_without_a_search_has_no_trials(make_study, store, tmp_path):
    with pytest.raises(DynconvError, match=r"study tiny has no `tune:` for vanilla on ucr/GunPoint; valid: \(none\)"):
        tune(make_study(), store, tmp_path / "out")


def test_toy_data_are_no_search_either(tuned, store, tmp_path):
    key = TrialKey("digits", "vanilla", 0)
    with pytest.raises(DynconvError, match="holds the toy of digits, no benchmark"):
        train_trial(tuned(), key, tmp_path, store, device_name="cpu", threads=1, say=quiet)
