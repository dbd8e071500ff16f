"""The whole pipeline through Snakemake, in a copy of the project: what a change redoes, and what can be added."""

import json
import re
import sys

import pytest
import yaml
from checkout import ROOT, copy_project

from dynconv import records
from dynconv.comparison_tables import COMPARISONS

pytestmark = pytest.mark.e2e

RECIPE = {"width": 0.125, "epochs": 1, "batch_size": 32, "lr": 0.01}
STUDY = {
    "name": "tiny",
    "variants": [
        "vanilla",
        "odconv",
        "mine",  # one file and one line
        {"name": "odconv_4x", "base": "odconv", "options": {"kernel_num": 4}},  # options of a file
        {"name": "odconv_slow", "base": "odconv", "rule": True},  # built on another's rule
        {"name": "nearest_mean", "rule": True},  # a workflow rule of its own
    ],
    "datasets": ["ucr/ItalyPowerDemand", "waves"],  # `waves` is one file and one line, too
    "seeds": [0, 1],
    "recipes": {"timeseries": RECIPE},
    "on_failure": "record",
}
RUNS = 6 * 2 * 2


def blocks(document, language):
    text = (ROOT / "docs" / document).read_text()
    return re.findall(rf"```{language}\n(.*?)```", text, re.S)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """The tiny study, run once, in a copy to which a user added variants and a dataset as the documents say."""
    project = copy_project(tmp_path_factory.mktemp("pipeline") / "a folder with spaces")
    project.dynconv("new", "variant", "mine")
    project.dynconv("new", "dataset", "waves")
    rule, slow = blocks("add_a_variant.md", "snakemake")
    project.write("workflow/rules/variants/nearest_mean.smk", rule)
    project.write("workflow/rules/variants/odconv_slow.smk", slow)
    code = next(text for text in blocks("add_a_variant.md", "python") if "nearest_mean" in text)
    project.write("workflow/rules/variants/nearest_mean.py", code)
    project.write("config/tiny.yaml", yaml.safe_dump(STUDY))
    # The published files of the new dataset, where its `prepare` looks for them.
    make = "from dynconv.data.datasets import waves; from pathlib import Path; waves.toy(Path('data/_raw/waves'), '')"
    (project.root / "data/_raw/waves").mkdir(parents=True)
    project.run(sys.executable, "-c", make)
    project.first = project.snakemake("--configfile", "config/tiny.yaml")
    return project


def planned(project, study="config/tiny.yaml", *words):
    """The number of jobs a rule that a dry-run plans."""
    text = project.snakemake("--configfile", study, "-n", *words)
    stats = re.findall(r"^(\w+)\s+(\d+)$", text.stdout + text.stderr, re.M)
    assert stats or "Nothing to be done" in text.stdout + text.stderr, text.stdout
    return {rule: int(count) for rule, count in stats if rule != "total"}


def trainings(jobs):
    return {rule: count for rule, count in jobs.items() if rule.startswith("train_")}


def write_study(project, file, **changes):
    return project.write(f"config/{file}.yaml", yaml.safe_dump(STUDY | changes)).relative_to(project.root)


def test_progress_is_told(tiny):
    text = tiny.first.stderr
    assert f"{RUNS} of them training runs" in text
    assert f"[ 1/{RUNS}]" in text and f"[{RUNS}/{RUNS}]" in text
    assert re.search(r"ucr/ItalyPowerDemand · mine · seed 1  accuracy 0\.\d+  \d", text)


def test_every_variant_has_every_run_in_valid_tables(tiny):
    runs = records.read("runs", tiny.root / "results/tables/runs.parquet").to_pandas()
    assert len(runs) == RUNS and set(runs.status) == {"ok"} and runs.accuracy.between(0, 1).all()
    assert runs.groupby("variant").size().to_dict() == dict.fromkeys(runs.variant.unique(), 4)
    assert set(runs.variant) == {"vanilla", "odconv", "mine", "odconv_4x", "odconv_slow", "nearest_mean"}
    params = runs[runs.dataset == "waves"].groupby("variant").params.first()
    assert params["odconv_4x"] > 3 * params["odconv"] and params["odconv_slow"] == params["odconv"]
    for name in ("metrics", "predictions", "profile"):
        assert len(records.read(name, tiny.root / f"results/tables/{name}.parquet"))
    stats = {t.name: records.read(t.name, tiny.root / f"results/stats/{t.name}.parquet") for t in COMPARISONS}
    assert {name for name, table in stats.items() if not len(table)} <= {"cliques", "crosstask"}
    pairwise = records.read("pairwise", tiny.root / "results/stats/pairwise.parquet").to_pandas()
    assert set(pairwise.verdict) == {"inconclusive"} and pairwise.reason.str.contains("needed").all()
    assert (
        not pairwise.exploratory.any() and json.loads((tiny.root / "results/stats/plan.json").read_text())["followed"]
    )
    assert set(runs.plan_hash.dropna()) == set(pairwise.plan_hash)


def test_the_report_and_the_terminal_tell_the_answer(tiny):
    html = (tiny.root / "results/report.html").read_text()
    for name in ("mine", "odconv_4x", "nearest_mean", "inconclusive", "waves"):
        assert name in html
    text = tiny.dynconv("list", "verdicts", "--results", "results").stdout
    assert "nearest_mean" in text and "inconclusive" in text
    assert f"{RUNS} of {RUNS} runs ok" in tiny.dynconv("list", "runs", "--study", "config/tiny.yaml").stdout


def test_a_second_run_has_nothing_to_do(tiny):
    done = tiny.snakemake("--configfile", "config/tiny.yaml")
    assert "Nothing to be done" in done.stderr + done.stdout


@pytest.mark.parametrize("name", ["run", "metrics", "predictions"])
def test_a_lost_file_retrains_its_run_alone(tiny, name):
    file = tiny.root / f"results/runs/waves/mine/seed1/{name}.parquet"
    kept = file.read_bytes()
    file.unlink()
    try:
        assert trainings(planned(tiny)) == {"train_mine": 1}
    finally:
        file.write_bytes(kept)
        tiny.snakemake("--configfile", "config/tiny.yaml", "--touch")


def test_a_new_seed_trains_only_the_new_runs(tiny):
    assert trainings(planned(tiny, write_study(tiny, "more", seeds=[0, 1, 2]))) == {
        "train_vanilla": 2,
        "train_odconv": 2,
        "train_mine": 2,
        "train_odconv_4x": 2,
        "train_odconv_slow": 2,
        "train_nearest_mean": 2,
    }


def test_a_study_in_another_file_is_the_same_study(tiny):
    assert trainings(planned(tiny, write_study(tiny, "moved"))) == {}


def test_a_recipe_retrains_what_it_is_for(tiny):
    waves = {"name": "waves", "recipe": {"epochs": 2}}
    jobs = trainings(planned(tiny, write_study(tiny, "longer", datasets=["ucr/ItalyPowerDemand", waves])))
    assert jobs == {f"train_{name}": 2 for name in ("vanilla", "odconv", "mine", "odconv_4x", "odconv_slow")}


def test_a_contact_sheet_follows_the_augmentation_and_the_first_seed(tiny):
    sheets = tiny.root / "results/samples"
    assert sorted(str(file.relative_to(sheets)) for file in sheets.rglob("*.svg")) == [
        "ucr/ItalyPowerDemand.svg",
        "waves.svg",
    ]
    assert "no augmentation in the recipe" in (sheets / "waves.svg").read_text()
    html = (tiny.root / "results/report.html").read_text()
    assert html.count("As stored and as augmented") == 1 and "no augmentation in the recipe" in html

    def drawn(file, **changes):
        return planned(tiny, write_study(tiny, file, **changes)).get("samples", 0)

    waves = {"name": "waves", "recipe": {"augment": ["jitter"]}}
    assert drawn("jitter", datasets=["ucr/ItalyPowerDemand", waves]) == 1
    assert drawn("other_seeds", seeds=[1, 0]) == 2
    assert drawn("more_seeds", seeds=[0, 1, 2], recipes={"timeseries": RECIPE | {"lr": 0.02}}) == 0


def test_a_study_of_workflow_rules_alone_has_no_contact_sheets(project):
    rule = next(text for text in blocks("add_a_variant.md", "snakemake") if "nearest_mean" in text)
    for name in ("nearest_mean", "other_mean"):
        project.write(f"workflow/rules/variants/{name}.smk", rule.replace("nearest_mean", name))
    variants = [{"name": name, "rule": True} for name in ("nearest_mean", "other_mean")]
    changes = {"variants": variants, "analysis": {"control": "nearest_mean"}, "datasets": ["ucr/GunPoint"]}
    jobs = planned(project, write_study(project, "rules", **changes))
    assert jobs["report"] == 1 and "samples" not in jobs


def test_an_option_retrains_its_variant(tiny):
    variants = [
        {**variant, "options": {"reduction": 0.25}}
        if isinstance(variant, dict) and variant["name"] == "odconv_slow"
        else variant
        for variant in STUDY["variants"]
    ]
    assert trainings(planned(tiny, write_study(tiny, "option", variants=variants))) == {"train_odconv_slow": 4}


def test_one_variant_can_be_redone_by_name(tiny):
    assert trainings(planned(tiny, "config/tiny.yaml", "--forcerun", "train_odconv_4x")) == {"train_odconv_4x": 4}


def test_another_study_does_not_take_over_the_folder(tiny):
    done = tiny.snakemake("--configfile", write_study(tiny, "other", name="other"), "-n", ok=False)
    assert "results/ holds the results of study 'tiny', not 'other'" in done.stdout + done.stderr


def test_a_study_is_checked_before_anything_is_planned(tiny):
    done = tiny.snakemake("--configfile", write_study(tiny, "bad", seeds=[0, 0]), "-n", ok=False)
    assert "seeds: listed twice: 0" in done.stdout + done.stderr
    augment = write_study(tiny, "spin", recipes={"timeseries": RECIPE | {"augment": ["flip"]}})
    done = tiny.snakemake("--configfile", augment, "-n", ok=False)
    assert "'flip' is not a step for timeseries; valid: jitter" in done.stdout + done.stderr
    option = write_study(tiny, "typo", variants=["vanilla", {"name": "o", "base": "odconv", "options": {"kernels": 4}}])
    done = tiny.snakemake("--configfile", option, "-n", ok=False)
    assert "odconv has no option 'kernels'; valid: form, kernel_num, reduction" in done.stdout + done.stderr
    done = tiny.snakemake("--configfile", "config/tiny.yaml", "--config", "seeds=[7]", "-n", ok=False)
    assert "--config seeds: not supported" in done.stdout + done.stderr


def test_a_diverging_variant_is_a_failed_row_and_the_report_is_made(tiny):
    recipes = {"timeseries": RECIPE | {"lr": 1e30, "schedule": "constant", "batch_size": 8}}
    changes = {"variants": ["vanilla", "odconv"], "datasets": ["waves"], "recipes": recipes, "results": "diverged"}
    tiny.snakemake("--configfile", write_study(tiny, "diverged", **changes))
    runs = records.read("runs", tiny.root / "diverged/tables/runs.parquet").to_pandas()
    assert set(runs.status) == {"failed"} and runs.failure.str.contains("NaN or infinite").all()
    assert "NaN or infinite" in (tiny.root / "diverged/report.html").read_text()


def test_snakemakes_own_report_carries_the_answer(tiny):
    tiny.snakemake("--configfile", "config/tiny.yaml", "--report", "report.zip")
    import zipfile

    with zipfile.ZipFile(tiny.root / "report.zip") as archive:
        names = archive.namelist()
        page = archive.read("report/report.html").decode()
    assert any(name.endswith("report.html") for name in names) and any(name.endswith(".svg") for name in names)
    assert any(name.endswith("waves.svg") and "figures" not in name for name in names)
    found = json.JSONDecoder().raw_decode(page, re.search(r"results = (?=\{\")", page).end())[0]
    labels = {path: item["labels"] for path, item in found.items()}
    assert labels["results/figures/learning-curves-timeseries-1.svg"] == {"task": "timeseries", "part": "1"}
    assert labels["results/latex/means-timeseries.tex"] == {"table": "means", "task": "timeseries"}
    assert labels["results/csv/verdicts.csv"] == {"table": "verdicts", "task": "all"}
    assert {"results/report.html", "results/CONTENTS.md", "results/latex/references.bib"} <= set(labels)
    assert not [path for path in labels if path.endswith(".pdf")]
    captions = [item["caption"] for item in found.values()]
    assert all(captions) and not [caption for caption in captions if "system-message" in caption]


def test_a_report_of_an_older_version_is_completed_and_nothing_is_retrained(tiny):
    folder = tiny.root / "results/latex"
    aside = folder.rename(tiny.root / "latex aside")
    try:
        assert planned(tiny) == {"report": 1, "all": 1}
    finally:
        aside.rename(folder)


@pytest.mark.parametrize(("study", "runs"), [("config/demo.yaml", 75), ("config/config.yaml", 5 * 130 * 10)])
def test_the_shipped_studies_plan(project, study, runs):
    """By hand: 15 seconds for the paper's 6,500 runs on one core."""
    jobs = planned(project, study, "--quiet", "rules", "reason")
    assert jobs["report"] == 1 and sum(trainings(jobs).values()) == runs
