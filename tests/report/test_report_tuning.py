"""The section on the search: there when there are choices, and only then."""

import json

import yaml
from report_example import DATASETS, VARIANTS
from report_page import words

from dynconv import records

STUDY = {
    "name": "test",
    "variants": list(VARIANTS),
    "datasets": list(DATASETS),
    "seeds": 3,
    "tune": {"search": "random", "trials": 4, "keys": {"lr": {"low": 0.01, "high": 0.1}}, "validation": 0.25},
}


def tuned(results, study=STUDY, **changes):
    """The usual results with two datasets searched; odconv gained on one, and failed on the other."""
    rows = []
    for dataset in ("digits", "ucr/GunPoint"):
        for variant in VARIANTS:
            row = {"task": DATASETS[dataset], "dataset": dataset, "variant": variant, "trial": 0, "settings": "{}"}
            row |= {"metric": "accuracy", "value": 0.8, "untuned_value": 0.8, "n_trials": 4, "n_failed": 0}
            row |= {"train_s": 1800.0, "reason": "highest accuracy of 4 trials", "n_validation": 9} | changes
            if (dataset, variant) == ("digits", "odconv"):
                row |= {"trial": 2, "settings": json.dumps({"lr": 0.05, "augment": ["flip"]}), "value": 0.85}
            if (dataset, variant) == ("ucr/GunPoint", "odconv"):
                row |= {"value": None, "untuned_value": None, "n_failed": 4, "reason": "every trial has failed <i>"}
            rows.append(row)
    records.write("choices", rows, results / "tables/choices.parquet")
    records.write("trials", [], results / "tables/trials.parquet")
    (results / "study.yaml").write_text(yaml.safe_dump(study))
    return words(results)


def cells(page, row):
    """The texts of a row of the page's tables."""
    return [" ".join(cell["text"].split()) for cell in page.rows[row]]


def test_budget_cost_and_choices_of_every_variant(results):
    page = tuned(results)
    assert "(random over lr)" in page.text and "25 % of the training split" in page.text
    # variant, task, datasets, trials, failed, changed, gain on validation, seconds of search; those of its runs vary
    assert cells(page, "search/classification/odconv")[:8] == [
        *("odconv", "classification", "1", "4", "0", "1", "+5.0", "30.0 min")
    ]
    assert cells(page, "search/timeseries/odconv")[3:7] == ["4", "4", "0", "–"]  # noqa: RUF001
    assert cells(page, "search/timeseries/vanilla")[3:7] == ["4", "0", "0", "0.0"]
    assert cells(page, "choice/digits/odconv")[2:5] == ['lr = 0.05, augment = ["flip"]', "85.0", "80.0"]
    assert cells(page, "choice/ucr/GunPoint/odconv")[5] == "every trial has failed <i>"
    reason = "highest accuracy of 4 trials"
    assert cells(page, "choice/digits/vanilla")[2:] == ["as it stands", "80.0", "80.0", reason]
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert "tuning" in ids and len(ids) == len(set(ids))
    assert len(page.all("caption")) == len(page.all("table"))
    assert "tables/choices.parquet" in page.text and "Not in this folder" not in page.text


def test_a_study_that_does_not_search_shows_none_even_if_it_did_before(results):
    plain = {key: value for key, value in STUDY.items() if key != "tune"}
    page = tuned(results, plain)
    assert "tuning" not in [attributes.get("id") for _, attributes in page.tags]
    assert "choices.parquet" not in page.text


def test_a_search_without_its_tables_is_missed(results):
    tuned(results)
    (results / "tables/choices.parquet").unlink()
    assert "Not in this folder: tables/choices.parquet." in words(results).text
