"""The search of a study: what its schema accepts and refuses, and which settings its trials try."""

import copy

import pytest

from dynconv import study, trials
from dynconv.errors import DynconvError
from dynconv.preflight import preflight
from dynconv.tune import NETWORK, TUNABLE

GOOD = {
    "name": "tiny",
    "variants": ["vanilla", "odconv", {"name": "hand", "rule": True}],
    "datasets": ["digits", "ucr/GunPoint", "ucr/ArrowHead"],
    "seeds": 2,
    "recipes": {"timeseries": {"epochs": 9, "lr": 0.01}},
    "tune": {
        "search": "random",
        "trials": 6,
        "keys": {"lr": {"low": 0.001, "high": 0.1, "scale": "log"}, "batch_size": [8, 16, 32]},
        "recipe": {"epochs": 3},
    },
}


def made(**changes):
    """The study with other keys of `tune`; None takes one away."""
    content = copy.deepcopy(GOOD)
    content["tune"] = {key: value for key, value in {**content["tune"], **changes}.items() if value is not None}
    return study.parse(content, "s.yaml")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"serch": "grid"}, ["tune.serch: unknown key", "did you mean 'search'", "valid: datasets, keys"]),
        ({"search": "bayes"}, ["tune.search", "'random' or 'grid'", "'bayes'"]),
        ({"keys": {}}, ["tune.keys: a mapping of recipe keys", "valid: ", "weight_decay"]),
        ({"keys": {"lrr": [1]}}, ["tune.keys: unknown recipe key 'lrr'", "did you mean 'lr'", "valid: ", "momentum"]),
        ({"keys": {"width": [1, 2]}}, ["width: fixes the network, which all variants share; valid: ", "lr"]),
        ({"keys": {"strategy": ["ddp"]}}, ["unknown recipe key 'strategy'; valid: "]),
        ({"keys": {"lr": 0.1}}, ["tune.keys: lr: 0.1 is no choice; valid: a list of values, or {low: "]),
        ({"keys": {"lr": []}}, ["lr: [] is no choice"]),
        ({"keys": {"lr": [0.1, -1]}}, ["lr: input should be greater than 0, not -1"]),
        ({"keys": {"lr": [0.1, "1e-1"]}}, ["lr: 0.1 is listed twice"]),
        ({"keys": {"lr": {"low": 0.1, "high": 0.1}}}, ["lr: low (0.1) must be below high (0.1)"]),
        ({"keys": {"lr": {"low": 0.1}}}, ["lr: high: this key is required"]),
        ({"keys": {"lr": {"low": 0.1, "high": 1, "step": 2}}}, ["lr: step: unknown key; valid: high, low, scale"]),
        ({"keys": {"momentum": {"low": 0.5, "high": 1}}}, ["momentum: input should be less than 1, not 1.0"]),
        (
            {"keys": {"weight_decay": {"low": 0, "high": 1, "scale": "log"}}},
            ["low (0) must be above 0 on a logarithmic scale"],
        ),
        ({"keys": {"schedule": {"low": 1, "high": 2}}}, ["schedule: a range is for numbers; valid: a list"]),
        ({"keys": {"augment": [["jitter"], "shift"]}}, ["augment: input should be a valid tuple, not 'shift'"]),
        ({"search": "grid", "trials": None}, ["keys.lr: a grid needs a list of values"]),
        ({"search": "grid", "keys": {"lr": [1]}}, ["trials: a grid tries every combination"]),
        ({"trials": None}, ["trials: a random search needs their number"]),
        ({"trials": 1}, ["tune.trials: input should be greater than or equal to 2, not 1"]),
        ({"keys": {"lr": [0.1, 0.2, 0.3]}}, ["trials: 6, but the keys have 3 combinations; valid: up to 4"]),
        ({"validation": 1}, ["tune.validation: input should be less than 1"]),
        ({"recipe": {"epoch": 3}}, ["tune.recipe: unknown recipe key 'epoch'", "did you mean 'epochs'"]),
        ({"recipe": {"epochs": 0}}, ["tune.recipe: epochs: input should be greater than or equal to 1"]),
        ({"recipe": {"lr": 0.1}}, ["lr: stands in keys and in recipe; valid: one of them"]),
        ({"datasets": ["ucr/Gunpoint"]}, ["tune.datasets: no dataset of the study is 'ucr/Gunpoint'", "ucr/GunPoint"]),
    ],
)
def test_what_is_wrong_is_said_in_one_line_with_what_would_be_valid(changes, words):
    with pytest.raises(DynconvError) as caught:
        made(**changes)
    assert len(str(caught.value).splitlines()) == 1
    for word in ("s.yaml: tune", *words):
        assert word in str(caught.value)


def test_settings_that_make_no_recipe_are_found_before_anything_runs():
    clash = {"keys": {"accumulate": [1, 64]}, "trials": 2}
    with pytest.raises(
        DynconvError, match=r'with \{"accumulate": 64.*\}: accumulate \(64\) must not exceed batch_size'
    ):
        preflight(made(**clash, recipe={"batch_size": 32}))
    with pytest.raises(DynconvError, match=r"dataset digits: recipe: augment: 'jitter' is not a step for classif"):
        preflight(made(keys={"augment": [["jitter"], ["shift"]]}, trials=2))
    with pytest.raises(DynconvError, match=r"tune: dataset digits: trials: 6, but .* few combinations; valid: up to 4"):
        preflight(made(keys={"batch_size": {"low": 8, "high": 10}}))
    preflight(made())


def test_network_and_execution_are_no_part_of_a_search():
    assert not set(TUNABLE) & {*NETWORK, "strategy", "zero_stage", "checkpoint_every_s"}
    assert {"lr", "weight_decay", "batch_size", "epochs", "augment"} <= set(TUNABLE)


def test_every_variant_tries_the_same_settings_and_the_first_is_the_recipe_as_it_stands():
    found = made()
    settings = trials.settings(found, "ucr/GunPoint", "timeseries")
    assert settings[0] == {} and len(settings) == 6
    assert len({tuple(s.items()) for s in settings}) == 6  # no trial is wasted
    assert all(0.001 <= s["lr"] <= 0.1 and s["batch_size"] in (8, 16, 32) for s in settings[1:])
    for number, setting in enumerate(settings):
        keys = [trials.TrialKey("ucr/GunPoint", variant, number) for variant in ("vanilla", "odconv")]
        one, other = (trials.recipe(found, "timeseries", key) for key in keys)
        assert one == other and one.epochs == 3 and one.lr == setting.get("lr", 0.01)
        assert trials.trial_hash(found, "timeseries", keys[0]) != trials.trial_hash(found, "timeseries", keys[1])
        tuned = found.recipe("ucr/GunPoint", "timeseries", setting)  # the runs are as long as ever
        assert tuned.epochs == 9 and tuned.lr == one.lr


def test_settings_are_a_function_of_seed_dataset_and_key_alone():
    first = trials.settings(made(), "digits", "classification")
    assert first == trials.settings(made(), "digits", "classification")
    assert trials.settings(made(trials=3), "digits", "classification") == first[:3]  # a longer search keeps its own
    turned = dict(reversed(GOOD["tune"]["keys"].items()))
    assert trials.settings(made(keys=turned), "digits", "classification") == first
    alone = trials.settings(made(keys={"lr": GOOD["tune"]["keys"]["lr"]}), "digits", "classification")
    assert [s["lr"] for s in alone[1:]] == [s["lr"] for s in first[1:]]
    assert trials.settings(made(seed=1), "digits", "classification") != first
    assert trials.settings(made(), "ucr/GunPoint", "timeseries") != first
    assert [s["lr"] for s in first[1:3]] == [0.04, 0.0154]  # the same on every machine, in every version


def test_ranges_are_drawn_evenly_on_their_scale():
    keys = {"lr": {"low": 1e-4, "high": 1e-1, "scale": "log"}, "momentum": {"low": 0.2, "high": 0.6}}
    keys["batch_size"] = {"low": 3, "high": 6}
    settings = trials.settings(made(keys=keys, trials=2000), "digits", "classification")[1:]
    for edge, share in ((1e-3, 1 / 3), (1e-2, 2 / 3)):
        assert sum(s["lr"] < edge for s in settings) / 1999 == pytest.approx(share, abs=0.04)
    assert sum(s["momentum"] < 0.3 for s in settings) / 1999 == pytest.approx(0.25, abs=0.04)
    for size in (3, 4, 5, 6):
        assert sum(s["batch_size"] == size for s in settings) / 1999 == pytest.approx(0.25, abs=0.04)
    assert all(float(f"{s['lr']:.3g}") == s["lr"] for s in settings)  # readable in tables


def test_a_grid_is_every_combination_but_the_recipe_s_own():
    keys = {"lr": [0.01, 0.1], "weight_decay": [0.0, 5e-4]}
    found = made(search="grid", trials=None, keys=keys)
    assert trials.settings(found, "ucr/GunPoint", "timeseries") == (  # lr 0.01, weight_decay 5e-4 is trial 0
        {},
        {"lr": 0.01, "weight_decay": 0.0},
        {"lr": 0.1, "weight_decay": 0.0},
        {"lr": 0.1, "weight_decay": 5e-4},
    )


def test_what_is_searched():
    found = made(datasets=["ucr/*"])
    assert trials.cells(found) == [
        ("ucr/GunPoint", "vanilla"),
        ("ucr/GunPoint", "odconv"),
        ("ucr/ArrowHead", "vanilla"),
        ("ucr/ArrowHead", "odconv"),
    ]
    assert trials.settings(found, "digits", "classification") == ()
    for dataset, variant in (("digits", "vanilla"), ("ucr/GunPoint", "hand")):
        with pytest.raises(DynconvError, match=rf"no `tune:` for {variant} on {dataset}; valid: ucr/ArrowHead odconv"):
            trials.tune_of(found, dataset, variant)
    with pytest.raises(DynconvError, match=r"ucr/GunPoint/odconv/trial6 is not in study tiny; valid trials: 0 to 5"):
        trials.recipe(found, "timeseries", trials.TrialKey("ucr/GunPoint", "odconv", 6))


def test_a_study_without_a_search_has_the_digests_it_always_had():
    plain = {key: value for key, value in GOOD.items() if key != "tune"}
    one = study.parse(plain, "s.yaml")
    assert trials.cells(one) == [] and trials.settings(one, "digits", "classification") == ()
    assert one.study_hash == study.digest(
        one.model_dump(mode="json", exclude={"data", "results", "keep", "tune", "diagnostics"})
    )
    assert one.study_hash != made().study_hash != made(seed=1).study_hash
    hashes = [s.run_hash("digits", "classification", "vanilla") for s in (one, made())]
    assert hashes[0] == hashes[1] == one.run_hash("digits", "classification", "vanilla", {})
    assert hashes[0] != one.run_hash("digits", "classification", "vanilla", {"lr": 0.5})


def test_a_trial_is_made_again_when_what_fixes_it_changes():
    key = trials.TrialKey("digits", "vanilla", 1)
    kept = trials.trial_hash(made(), "classification", key)
    assert trials.trial_hash(made(trials=9, datasets=["digits"]), "classification", key) == kept
    for changes in (
        {"seed": 1},
        {"validation": 0.3},
        {"recipe": {"epochs": 4}},
        {"keys": {"lr": [0.1, 0.2]}, "trials": 2},
    ):
        assert trials.trial_hash(made(**changes), "classification", key) != kept


def test_no_run_has_the_seed_of_the_trials():
    assert trials.training_seed(made()) not in made().seeds
    assert trials.training_seed(made()) != trials.training_seed(made(seed=1))


def test_what_moves_from_the_search_to_its_recipe_is_tried_again():
    """The same training, but the runs would take `epochs` from the one and not from the other."""
    lr = {"low": 0.001, "high": 0.1, "scale": "log"}
    one = made(trials=8, keys={"lr": lr, "epochs": [20, 50]}, recipe=None)
    other = made(trials=8, keys={"lr": lr}, recipe={"epochs": 20})
    same = 0
    for trial in range(1, 8):
        key = trials.TrialKey("digits", "vanilla", trial)
        same += trials.recipe(one, "classification", key) == trials.recipe(other, "classification", key)
        assert trials.trial_hash(one, "classification", key) != trials.trial_hash(other, "classification", key)
    assert same  # or the test shows nothing


@pytest.mark.parametrize("key", ["clip_norm", "batch_fraction"])
def test_a_range_is_for_numbers_that_may_be_none_too(key):
    found = made(keys={key: {"low": 0.1, "high": 0.9}})
    drawn = [setting[key] for setting in trials.settings(found, "digits", "classification")[1:]]
    assert len(drawn) == 5 and all(0.1 <= value <= 0.9 for value in drawn)
