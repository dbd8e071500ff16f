"""The methods text: it claims what the tables, the study and the plan say, and cites exactly what it names."""

import json
import re

import pytest
import yaml
from report_example import run_rows

from dynconv import records
from dynconv.plugins import names
from dynconv.report.paper import bibliography, methods, prose
from dynconv.report.paper import write as write_paper
from dynconv.report.paper.methods.design import FAMILIES, VARIANTS
from dynconv.report.results import load
from dynconv.study import DATASETS

STUDY = {
    "name": "small",
    "variants": ["vanilla", "odconv", {"name": "wide", "base": "odconv", "options": {"kernel_num": 4}}],
    "datasets": ["digits", {"name": "ucr/GunPoint", "recipe": {"epochs": 9}}, "ucr/ArrowHead", "ucr/Coffee"],
    "seeds": [0, 1, 2],
    "recipes": {"timeseries": {"epochs": 8, "optimizer": "adam", "lr": 0.002, "augment": ["jitter"]}},
}


@pytest.fixture
def studied(make):
    """A folder with a study: one dataset was never trained."""
    datasets = {"digits": "classification", "ucr/GunPoint": "timeseries", "ucr/ArrowHead": "timeseries"}
    folder = make(run_rows({"vanilla": 1.0, "odconv": 1.2, "wide": 1.3}, datasets))
    (folder / "study.yaml").write_text(yaml.safe_dump(STUDY))
    return folder


def text(folder):
    return prose.plain(methods.paragraphs(load(folder)))


def test_it_says_what_was_run(studied):
    said = text(studied)
    assert "Three variants of one residual network (He et al. 2016)" in said
    assert "wide, omni-dimensional dynamic convolution" in said and "(with kernel_num = 4)" in said
    assert "GunPoint and ArrowHead of the UCR archive (Dau et al. 2019)" in said and "Coffee" not in said
    assert "Of 36 planned runs 26 ended well, 1 failed and 9 are missing" in said
    assert "by Adam (Kingma & Ba 2015) with learning rate 0.002" in said and "augmentation: jitter" in said
    assert "On ucr/GunPoint: epochs = 9." in said
    assert "record another number of epochs (8)" in said  # the runs of the example have eight
    assert "tuned no hyper-parameter: on each dataset every variant was trained by the same recipe." in said
    assert "recipe of its task" not in said  # GunPoint has its own
    assert "tuned no hyper-parameter" in said and "Runs have three seeds (0, 1, 2)" in said


def test_it_says_what_was_tested(studied):
    plan = {"followed": True, "analysis_hash": "feed", "declared": {"study": "small"}, "analysis": {"alpha": 0.1}}
    plan["analysis"] |= {"rope": 0.02, "families": {"primary": "control"}}
    (studied / "stats/plan.json").write_text(json.dumps(plan))
    said = text(studied)
    assert "Wilcoxon signed-rank test (Wilcoxon 1945)" in said and "Welch\u2019s t test (Welch 1947)" in said
    assert "Holm\u2019s step-down procedure (Holm 1979), at alpha = 0.1" in said and "90 per cent interval" in said
    assert "\u00b10.02" in said and "follows the plan that the study declared (digest feed)" in said
    assert "signed-rank test based" not in said and "Posterior" not in said  # none was computed
    plan |= {"followed": False, "deviations": ["alpha is 0.1 instead of 0.05"]}
    (studied / "stats/plan.json").write_text(json.dumps(plan))
    assert "deviates from the declared plan and is exploratory: alpha is 0.1" in text(studied)
    (studied / "stats/plan.json").unlink()
    assert "does not record which analysis plan" in text(studied)


def test_it_never_claims_what_was_not_run(studied):
    said = text(studied)
    for word in ("Slurm", "DeepSpeed", "Friedman (", "Tiny ImageNet", "segmentation", "mIoU", "CBAM", "Commit"):
        assert word not in said, word
    path = studied / "stats/pairwise.parquet"
    rows = records.read("pairwise", path).to_pandas()
    rows["test"], rows["adjustment"] = "sign_flip", "romano_wolf"
    records.write("pairwise", rows, path)
    said = text(studied)
    assert "Wilcoxon signed" not in said and "Holm\u2019s step-down" not in said
    assert "sign-flip permutation tests" in said and "Romano and Wolf" in said


def test_what_could_not_be_tested_is_not_called_a_test(make):
    folder = make(run_rows({"vanilla": 1.0, "odconv": 1.2}, {"digits": "classification"}, seeds=1))
    said = text(folder)
    assert "No pair of variants could be tested" in said and "Welch\u2019s t" not in said and "Holm" not in said


def test_slurm_and_strategies_where_the_runs_say_so(make):
    changes = {"slurm_job_id": "17", "strategy": "ddp", "world_size": 4, "precision": "bf16"}
    said = text(make(run_rows({"vanilla": 1.0, "odconv": 1.2}, {"digits": "classification"}, **changes)))
    assert "6 of 6 runs were jobs of Slurm (Yoo et al. 2003)" in said
    assert "distributed data-parallel (Li et al. 2020) over 4 processes, bf16, on Example CPU" in said


def test_a_search_is_told(studied):
    tune = {"search": "random", "keys": {"lr": [0.01, 0.1]}, "trials": 2}
    (studied / "study.yaml").write_text(yaml.safe_dump(STUDY | {"tune": tune}))
    assert "declares a search of hyper-parameters, of which the folder holds no choice" in text(studied)
    row = {"task": "classification", "dataset": "digits", "variant": "odconv", "trial": 1, "n_trials": 2, "n_failed": 0}
    records.write("choices", [row], studied / "tables/choices.parquet")
    said = text(studied)
    assert "lr (0.01, 0.1) were searched for one pair of a dataset and a variant, at random (Bergstra" in said
    assert "changed the recipe of 1 of 1" in said


def test_bibtex_is_exactly_what_is_cited(studied, built, tmp_path):
    for folder in (studied, built):
        write_paper(load(folder), tmp_path)
        cited = set(",".join(re.findall(r"\\cite\{([^}]+)\}", (tmp_path / "latex/methods.tex").read_text())).split(","))
        source = (tmp_path / "latex/references.bib").read_text()
        assert set(re.findall(r"^@\w+\{(\w+),$", source, re.M)) == cited and len(cited) > 10


def test_the_bibliography_is_sound():
    entries = bibliography.entries()
    assert not any(set("`{}\\") & set(entry.text) for entry in entries.values())
    assert len(entries) > 50
    for key, entry in entries.items():
        assert entry.bibtex.isascii() and entry.bibtex.count("{") == entry.bibtex.count("}")
        assert entry.key == key and not re.search(r"[{}\\]", entry.label + entry.text)
        assert entry.label[-4:].isdigit() and (entry.label[-4:] == key[-4:] or not key[-1].isdigit())
    assert entries["molder2021"].label == "M\u00f6lder et al. 2021" and entries["holm1979"].label == "Holm 1979"
    used = {key for _, keys in (*VARIANTS.values(), *FAMILIES.values()) for key in keys}
    assert used <= set(entries)


def test_every_dataset_and_variant_that_comes_with_dynconv_is_known():
    own_data = {"imagenet_folder"}  # what it holds is not known
    assert set(names(DATASETS)) - own_data == set(FAMILIES)
    assert set(names("dynconv.models.variants")) == set(VARIANTS)


def test_html_links_its_references_and_escapes(make):
    evil = "<script>alert(1)</script>"
    results = load(make(run_rows({"vanilla": 1.0, evil: 1.2}, {"digits": "classification"})))
    found = methods.paragraphs(results)
    html = str(prose.html(found))
    assert evil not in html and "&lt;script&gt;" in html
    targets = set(re.findall(r'href="#ref-(\w+)"', html))
    assert targets == {entry.key for entry in prose.references(found)} and "he2016" in targets
