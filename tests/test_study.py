"""The schema of a study: what it accepts, and what it says to everything else."""

import copy
import subprocess
import sys

import pytest
import yaml
from checkout import ROOT

from dynconv import plugins, study
from dynconv.errors import DynconvError

GOOD = {
    "name": "tiny",
    "variants": ["vanilla", {"name": "odconv_4x", "base": "odconv", "options": {"kernel_num": 4}}],
    "datasets": ["digits", {"name": "ucr/GunPoint", "recipe": {"epochs": 3}}],
    "seeds": [0, 5],
    "recipes": {"timeseries": {"epochs": 9, "lr": "1e-3"}},
}


def changed(**keys):
    return {**copy.deepcopy(GOOD), **keys}


def test_defaults_are_filled_in_and_a_dataset_overrides_its_task():
    made = study.parse(GOOD, "s.yaml")
    assert made.recipe("ucr/GunPoint", "timeseries").epochs == 3
    assert made.recipe("ucr/GunPoint", "timeseries").lr == 1e-3
    assert made.recipe("digits", "classification") == study.Recipe()
    assert made.variant("vanilla").base == "vanilla"
    assert len(list(made.runs())) == 2 * 2 * 2


def test_a_plan_that_names_one_metric_keeps_the_others():
    made = study.parse(changed(analysis={"metric": {"timeseries": "balanced_accuracy"}}), "s.yaml")
    assert made.analysis.metric == study.PRIMARY_METRIC | {"timeseries": "balanced_accuracy"}


def test_a_dataset_s_keys_are_judged_together_with_its_task_s():
    steps = {"timeseries": {"step_epochs": [3]}}
    datasets = ["digits", {"name": "ucr/GunPoint", "recipe": {"schedule": "step"}}]
    made = study.parse(changed(recipes=steps, datasets=datasets), "s.yaml")
    assert made.recipe("ucr/GunPoint", "timeseries").step_epochs == (3,)
    clash = {"timeseries": {"batch_size": 64, "accumulate": 32}}
    made = study.parse(changed(recipes=clash, datasets=[{"name": "ucr/GunPoint", "recipe": {"batch_size": 8}}]), "s")
    with pytest.raises(DynconvError, match=r"ucr/GunPoint\.recipe: accumulate \(32\) must not exceed batch_size \(8\)"):
        made.recipe("ucr/GunPoint", "timeseries")


def test_a_number_of_seeds_counts_from_zero():
    assert study.parse(changed(seeds=3), "s.yaml").seeds == (0, 1, 2)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (changed(seed=[0]), ["seed: unknown key", "did you mean 'seeds'", "valid: analysis"]),
        (changed(variants=["vanila", "odconv"]), ["unknown variant 'vanila'", "did you mean 'vanilla'", "valid:"]),
        (changed(variants=["vanilla"]), ["at least two"]),
        (changed(variants=["odconv", "soft_local"]), ["analysis.control", "'vanilla'", "valid: odconv, soft_local"]),
        (changed(datasets=["cifar11", "digits"]), ["unknown dataset 'cifar11'", "valid:", "digits"]),
        (changed(seeds=[1, 1]), ["seeds: listed twice: 1"]),
        (changed(seeds=[]), ["seeds: empty"]),
        (changed(seeds=[-1]), ["seeds.0", "greater than or equal to 0", "-1"]),
        (changed(seeds=True), ["seeds", "list of integers"]),
        (changed(seeds=["one"]), ["seeds.0", "integer", "'one'"]),
        (changed(recipes={"timeseries": {"epochs": -1}}), ["recipes.timeseries", "epochs", "greater than", "-1"]),
        (
            changed(recipes={"timeseries": {"epochs": True}}),
            ["recipes.timeseries", "epochs", "must be a number, not True"],
        ),
        (changed(recipes={"timeseries": {"epoch": 1}}), ["recipes.timeseries", "did you mean 'epochs'", "batch_size"]),
        (changed(recipes={"sound": {}}), ["recipes.sound", "classification"]),
        (changed(recipes={"timeseries": {"lr": "nan"}}), ["recipes.timeseries", "lr"]),
        (changed(recipes={"timeseries": {"schedule": "step"}}), ["step_epochs"]),
        (changed(analysis={"alpha": 2}), ["analysis.alpha", "less than"]),
        (changed(datasets=[{"name": "digits", "recipe": {"lr": 0}}, "ucr/GunPoint"]), ["datasets.digits.recipe", "lr"]),
        (changed(analysis={"metric": {"timeseries": "f1"}}), ["analysis.metric", "'f1'", "valid: accuracy"]),
        (changed(name="a b"), ["name", "pattern"]),
        ([1], ["mapping"]),
        ({}, ["name: this key is required"]),
    ],
)
def test_bad_studies_are_refused_by_key(content, words):
    with pytest.raises(DynconvError) as error:
        study.parse(content, "s.yaml")
    text = str(error.value)
    assert all(line.startswith("s.yaml: ") for line in text.splitlines())
    for word in words:
        assert word in text


def test_every_problem_is_told_at_once():
    with pytest.raises(DynconvError) as error:
        study.parse(changed(seeds=[-1], colour="red"), "s.yaml")
    assert len(str(error.value).splitlines()) == 2


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("a: [", "not valid YAML"),
        ("name: a\nname: b\n", "written twice (line 2)"),
        ("\xff\xfe", "a study is a mapping"),
    ],
)
def test_files_that_are_no_study(tmp_path, text, word):
    file = tmp_path / "s.yaml"
    file.write_text(text)
    with pytest.raises(DynconvError, match=r"s\.yaml") as error:
        study.load(file)
    assert word in str(error.value)


def test_a_missing_file_lists_the_studies_beside_it(tmp_path):
    (tmp_path / "there.yaml").write_text("")
    with pytest.raises(DynconvError, match=r"nowhere\.yaml: no such study; valid: .*there\.yaml"):
        study.load(tmp_path / "nowhere.yaml")


def test_the_run_hash_follows_what_fixes_the_numbers_and_nothing_else():
    def hashes(**keys):
        made = study.parse(changed(**keys), "s.yaml")
        return [
            made.run_hash("digits", "classification", "vanilla"),
            made.run_hash("ucr/GunPoint", "timeseries", "vanilla"),
        ]

    base = hashes()
    assert hashes(seeds=[7], name="other", on_failure="record", analysis={"alpha": 0.01}) == base
    assert hashes(recipes={"timeseries": {"epochs": 9, "lr": 1e-3, "checkpoint_every_s": 1}}) == base
    assert hashes(keep={"predictions": "none", "checkpoints": "none"}) == base
    digits, gunpoint = hashes(recipes={"timeseries": {"epochs": 9, "lr": 2e-3}})
    assert digits == base[0] and gunpoint != base[1]


@pytest.mark.parametrize("file", sorted((ROOT / "config").glob("*.yaml")), ids=lambda file: file.stem)
def test_the_shipped_studies_are_valid(file):
    from dynconv import data

    made = study.load(file)
    for dataset in made.datasets:
        made.recipe(dataset.name, data.spec(dataset.name).task)
    assert yaml.safe_load(file.read_text())["name"] == made.name


def test_planning_imports_no_torch():
    code = """
import sys
import dynconv.study, dynconv.plan, dynconv.listing, dynconv.collect, dynconv.records, snakemake_logger_plugin_dynconv
study = dynconv.study.load("config/config.yaml")
dynconv.plan.plan(study)
sys.exit("torch" in sys.modules)
"""
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0


def test_plugins_are_named_by_their_files_without_being_run(tmp_path, monkeypatch):
    package = tmp_path / "zoo_of_tests"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "bomb.py").write_text("raise SystemExit('executed')")
    (package / "_private.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    assert plugins.names("zoo_of_tests") == ["bomb"]
    with pytest.raises(DynconvError, match="valid: bomb"):
        plugins.load("zoo_of_tests", "lamb")


@pytest.mark.parametrize(
    ("keys", "n", "batch"),
    [
        ({}, 5, 64),  # plain batch_size, whatever there is
        ({"batch_fraction": 0.1}, 10_000, 64),
        ({"batch_fraction": 0.1}, 399, 39),
        ({"batch_fraction": 0.1}, 230, 23),
        ({"batch_fraction": 0.29}, 100, 29),  # 0.29 * 100 is a little less in floating point
        ({"batch_fraction": 0.1}, 89, 8),
        ({"batch_fraction": 0.1}, 16, 8),  # DiatomSizeReduction: the published rule alone would say 1
        ({"batch_fraction": 0.1, "batch_size": 4, "accumulate": 4}, 1000, 4),
        ({"batch_fraction": 1}, 40, 40),
    ],
)
def test_the_batch_is_a_fraction_of_the_training_split_within_bounds(keys, n, batch):
    assert study.Recipe.model_validate({"batch_size": 64, **keys}).batch(n) == batch


@pytest.mark.parametrize("value", [0, 1.5, True, "all"])
def test_a_fraction_that_is_none_is_refused(value):
    with pytest.raises(DynconvError, match="batch_fraction"):
        study.parse(changed(recipes={"timeseries": {"batch_fraction": value}}), "s.yaml")
