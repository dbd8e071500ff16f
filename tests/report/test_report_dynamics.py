"""The section on the dynamic kernels: there when runs that ended well have looked at an attention, and only then."""

import numpy as np
import pandas as pd
import pytest
from report_example import EPOCHS, FAILED
from report_page import Page

from dynconv import records
from dynconv.report import dynamics
from dynconv.report.build import build

LAYERS, LOOKS = 6, (1, 2, 4, EPOCHS)
KINDS = "example-share", "effective-rank", "sharpness"


def rows(results, dynamic=("odconv",)):
    """What every run of the usual folder would have seen: odconv's attention grows more decided by epoch and depth."""
    found = []
    for run in records.read("runs", results / "tables/runs.parquet").to_pylist():
        keys = {name: run[name] for name in ("run_id", "dataset", "variant", "seed")}
        for epoch in LOOKS:
            for depth in range(1, LAYERS + 1):
                seen = {("parameters", "sharpness"): (3.0, None)}
                if run["variant"] in dynamic:
                    entropy = 1 - 0.01 * depth - 0.01 * epoch - 0.001 * run["seed"]
                    seen["channel", "entropy"] = entropy * np.log(2), entropy
                    seen["filter", "entropy"] = entropy * np.log(2), entropy
                    seen["channel", "example_share"] = 0.5, None
                    seen["mixed", "effective_rank"] = 1.0 + depth, None
                for (subject, quantity), (value, relative) in seen.items():
                    place = {"epoch": epoch, "layer": f"layer{depth}", "depth": depth, "subject": subject}
                    found.append(keys | place | {"quantity": quantity, "value": value, "relative": relative})
    return found


def diagnosed(results, **changes):
    records.write("diagnostics", rows(results, **changes), results / "tables/diagnostics.parquet")
    return Page(build(results))


def test_the_section_and_its_figures(small):
    page = diagnosed(small)
    assert "What the dynamic kernels do" in page.text
    assert ("a", {"href": "#dynamics"}) in page.tags
    assert "No row: none of its layers has an attention" in page.text  # as of all others here
    names = {file.stem for file in (small / "figures").glob("dynamics-*.svg")}
    kinds = "entropy-classification-odconv", *(f"{kind}-classification" for kind in KINDS)
    assert names == {f"dynamics-{kind}" for kind in kinds}
    alts = [attributes["aria-label"] for tag, attributes in page.tags if tag == "svg" and "role" in attributes]
    # The effective rank of layer d is 1 + d: 4.5 on average.
    assert any("effective rank of up to 16 kernels by layer" in alt and "odconv 4.50" in alt for alt in alts)


def test_what_is_reduced(results):
    frame = pd.DataFrame(rows(results))
    records.write("diagnostics", frame, results / "tables/diagnostics.parquet")
    tasks = {"digits": "classification", "ucr/ArrowHead": "timeseries", "ucr/GunPoint": "timeseries"}
    named = {f"{dataset}/odconv/seed{seed}": EPOCHS for dataset in tasks for seed in range(3)}
    found = dynamics.reduce(results / "tables/diagnostics.parquet", named, tasks)
    assert set(found.by_epoch["variant"]) == {"odconv"} and set(found.by_epoch["dataset"]) == set(tasks)
    assert set(found.by_epoch["quantity"]) == {"entropy", "sharpness"}  # only what is shown is held
    assert set(found.by_layer["quantity"]) == {"entropy", "example_share", "effective_rank"}
    # A norm over six layers of 3 each.
    sharpness = found.by_epoch[found.by_epoch["quantity"] == "sharpness"]
    assert np.allclose(sharpness["value"], 3 * np.sqrt(6)) and set(sharpness["part"]) == {"all"}
    entropy = found.by_epoch[(found.by_epoch["quantity"] == "entropy") & (found.by_epoch["task"] == "timeseries")]
    bands = dynamics.curves(entropy)
    end = bands[(bands["part"] == "early") & (bands["progress"] == 1)].iloc[0]  # layers 1 and 2, epoch 8, seeds 0 to 2
    assert end["max"] == pytest.approx(1 - 0.015 - 0.08) and end["min"] == pytest.approx(1 - 0.015 - 0.08 - 0.002)
    assert bands["progress"].min() == pytest.approx(0.14)  # the first look is at an eighth
    depths = dynamics.profiles(found.by_layer[found.by_layer["quantity"] == "effective_rank"])
    assert depths["mean"].tolist() == [2, 3, 4, 5, 6, 7] and depths["depth"].tolist() == pytest.approx(
        [0, 0.2, 0.4, 0.6, 0.8, 1]
    )


def test_a_dataset_with_one_look_ends_no_curve(results):
    short = "ucr/GunPoint"
    found = [row for row in rows(results) if row["dataset"] != short or row["epoch"] == EPOCHS]
    records.write("diagnostics", found, results / "tables/diagnostics.parquet")
    tasks = {"ucr/ArrowHead": "timeseries", short: "timeseries"}
    ids = {f"{dataset}/odconv/seed{seed}": EPOCHS for dataset in tasks for seed in range(3)}
    by_epoch = dynamics.reduce(results / "tables/diagnostics.parquet", ids, tasks).by_epoch
    for quantity, log in (("entropy", False), ("sharpness", True)):
        of_task = by_epoch[by_epoch["quantity"] == quantity]
        alone = of_task[of_task["dataset"] != short]
        pd.testing.assert_frame_equal(dynamics.curves(of_task, log), dynamics.curves(alone, log))
        assert dynamics.curves(of_task, log)["progress"].nunique() > 40
        assert dynamics.curves(of_task[of_task["dataset"] == short], log).empty
    page = Page(build(results))
    assert "Without 1 of 3 datasets, looked at only once." in page.text
    assert (results / "figures/dynamics-entropy-timeseries-odconv.svg").is_file()


def test_without_the_last_look_nothing_is_said_of_the_end(small):
    found = [row for row in rows(small) if row["epoch"] < EPOCHS]
    records.write("diagnostics", found, small / "tables/diagnostics.parquet")
    epochs = {row["run_id"]: EPOCHS for row in found}
    by_epoch, by_layer = dynamics.reduce(small / "tables/diagnostics.parquet", epochs, {"digits": "classification"})
    assert by_layer.empty and by_epoch["progress"].max() == 0.5
    bands = dynamics.curves(by_epoch[by_epoch["quantity"] == "entropy"])
    assert bands["progress"].max() == pytest.approx(0.5)
    page = Page(build(small))
    assert "No table: the look after the last epoch" in page.text
    assert {file.stem.split("-")[1] for file in (small / "figures").glob("dynamics-*")} == {"entropy", "sharpness"}


@pytest.mark.parametrize("kept", ["none", "empty", "static", "failed"])
def test_without_an_attention_there_is_no_section(small, kept):
    if kept == "static":
        page = diagnosed(small, dynamic=())
    else:
        if kept != "none":
            lost = {f"{dataset}/{variant}/seed{seed}" for dataset, variant, seed in FAILED}
            found = [row for row in rows(small) if kept == "failed" and row["run_id"] in lost]
            records.write("diagnostics", found, small / "tables/diagnostics.parquet")
        page = Page(build(small))
    assert "What the dynamic kernels do" not in page.text and "diagnostics.parquet is" not in page.text
    assert not [*(small / "figures").glob("dynamics-*")]  # no figure that no section shows
