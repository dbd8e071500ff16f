"""Test examples on the page: what every run predicted for them, counted, drawn, told apart without colours, bounded."""

import io
import json
import re
import shutil

import numpy as np
import pytest
from PIL import Image
from report_example import DATASETS, VARIANTS, run_rows
from report_page import words

from dynconv import records
from dynconv.data import VOID
from dynconv.data.sheet import Example, Excerpt
from dynconv.errors import DynconvError
from dynconv.report import examples
from dynconv.report.example_pictures import Pictures
from dynconv.report.example_predictions import Mask, Segmented, Voted
from dynconv.report.example_rows import rows as rows_of
from dynconv.report.results import load

NAMES = ("<script>alert(1)</script>", 'x" onload="y', "n" * 200)
IDS = (7, 2, 4)
KEYS = ("run_id", "dataset", "variant", "seed")
RNG = np.random.default_rng(0)
TARGET = RNG.integers(0, 3, (12, 16)).astype(np.uint8)
TARGET[:, 14:] = VOID


def excerpt(dataset, task, hashed=True):
    if task == "timeseries":
        found = tuple(Example(RNG.normal(size=(5, 40)).astype(np.float32)) for _ in IDS)
    else:
        masked = TARGET if task == "segmentation" else None
        found = tuple(Example(RNG.integers(0, 256, (3, 12, 16)).astype(np.uint8), masked) for _ in IDS)
    targets = (None,) * 3 if task == "segmentation" else (0, 1, 2)
    digest = f"hash-of-{dataset}" if hashed else "of other data"
    return Excerpt(dataset, False, digest, NAMES, IDS, targets, found)


def put(folder, dataset, task, **how):
    records.write("examples", rows_of(excerpt(dataset, task, **how)), folder / f"samples/{dataset}.test.parquet")


def png(values):
    buffer = io.BytesIO()
    Image.fromarray(values).save(buffer, "png")
    return buffer.getvalue()


def confusion(predicted):
    counts = TARGET != VOID
    return np.bincount(TARGET[counts].astype(int) * 3 + predicted[counts], minlength=9).tolist()


def fill(folder, runs):
    """Predictions of ten examples a run, masks of those that are shown, and the examples themselves."""
    predictions, masks = [], []
    for place, run in enumerate(run for run in runs if run["status"] == "ok"):
        keys = {name: run[name] for name in KEYS}
        segmented, hard = run["task"] == "segmentation", run["variant"] == "hard_attention"
        for n in range(10):
            said = np.where(TARGET == VOID, VOID, (TARGET + (RNG.random(TARGET.shape) < 0.3)) % 3).astype(np.uint8)
            row = {"target": IDS.index(n) if n in IDS else 0, "prediction": (n + place) % 3, "confidence": 0.4 + n / 20}
            predictions.append(keys | {"example_id": n} | ({"confusion": confusion(said)} if segmented else row))
            kinds = [("mask", 3, said)] * segmented + [("executed", 8, said[:1] % 9)] * hard
            masks += [
                keys | {"example_id": n, "kind": kind, "levels": levels, "content": png(values)}
                for kind, levels, values in kinds
                if n in IDS
            ]
    records.write("predictions", predictions, folder / "tables/predictions.parquet")
    records.write("masks", masks, folder / "tables/masks.parquet")
    for dataset, task in DATASETS.items():
        put(folder, dataset, task)


@pytest.fixture(scope="module")
def filled(built, tmp_path_factory):
    folder = tmp_path_factory.mktemp("filled") / "results"
    shutil.copytree(built, folder)
    fill(folder, run_rows(VARIANTS, DATASETS))
    return folder


def page_of(folder):
    """The page without figures, which take their time."""
    return words(folder)


@pytest.fixture(scope="module")
def page(filled):
    return page_of(filled)


@pytest.fixture
def copied(filled, tmp_path):
    return shutil.copytree(filled, tmp_path / "copied")


def table(folder, name):
    return records.read(name, folder / f"tables/{name}.parquet").to_pandas()


def test_classes_are_those_that_most_runs_predicted(filled):
    (shown,) = examples.of_task(load(filled), "classification").datasets
    assert sorted(shown.variants) == sorted(VARIANTS) and [row.example_id for row in shown.rows] == list(IDS)
    predictions = table(filled, "predictions")
    for row, target in zip(shown.rows, range(3), strict=True):
        for variant, cell in zip(shown.variants, row.cells, strict=True):
            own = predictions.query("dataset == 'digits' and variant == @variant and example_id == @row.example_id")
            counts = own.prediction.value_counts()
            assert cell.voted.agreed == counts.max() == counts[cell.voted.prediction]
            assert cell.voted.seeds == len(own) == (2 if variant == "soft_local" else 3)  # one of its runs failed
            assert cell.right == (cell.voted.prediction == target)
            assert cell.voted.confidence == own[own.prediction == cell.voted.prediction].confidence.mean()
            assert (cell.executed is not None) == (variant == "hard_attention")


def test_of_equally_many_the_more_confident_counts(copied):
    predictions = table(copied, "predictions")
    mine = (predictions.dataset == "digits") & (predictions.variant == "odconv") & (predictions.example_id == 4)
    predictions.loc[mine, "prediction"], predictions.loc[mine, "confidence"] = [2, 0, 1], [0.5, 0.7, 0.6]
    records.write("predictions", predictions, copied / "tables/predictions.parquet")
    (shown,) = examples.of_task(load(copied), "classification").datasets
    assert shown.rows[2].cells[shown.variants.index("odconv")].voted == Voted(0, 1, 3, 0.7)


def test_masks_are_of_one_run_with_its_iou(filled):
    (shown,) = examples.of_task(load(filled), "segmentation").datasets
    predictions, masks = table(filled, "predictions").set_index(["run_id", "example_id"]), table(filled, "masks")
    for row in shown.rows:
        for variant, cell in zip(shown.variants, row.cells, strict=True):
            run = f"shapes_voc/{variant}/seed0"
            counts = predictions.loc[(run, row.example_id), "confusion"].reshape(3, 3)
            union = counts.sum(0) + counts.sum(1) - counts.diagonal()
            assert cell.segmented == Segmented(run, 0, pytest.approx((counts.diagonal() / union).mean()))
            assert cell.mask.alt.startswith(f"Mask predicted by {variant}: ") and cell.mask.width == 96
            if variant == "hard_attention":
                own = masks.query("run_id == @run and example_id == @row.example_id and kind == 'executed'")
                values = np.asarray(Image.open(io.BytesIO(own.content.iloc[0])))
                assert (cell.executed_mean, cell.executed_of, cell.executed_run) == (values.mean(), 8, run)
    assert [name for name, _ in shown.key] == [NAMES[0], NAMES[1], shown.key[2][0]] and len(shown.key[2][0]) == 40


def test_of_runs_without_masks_the_first_that_ended_well_is_counted(copied):
    masks = table(copied, "masks")
    records.write("masks", masks[masks.variant != "vanilla"], copied / "tables/masks.parquet")
    (shown,) = examples.of_task(load(copied), "segmentation").datasets
    assert all(row.cells[0].segmented.seed == 0 and row.cells[0].mask is None for row in shown.rows)
    (copied / "tables/masks.parquet").unlink()
    (shown,) = examples.of_task(load(copied), "segmentation").datasets
    assert not any(cell.mask or cell.executed for row in shown.rows for cell in row.cells)
    assert all(cell.segmented for row in shown.rows for cell in row.cells)


def test_the_page_is_sound_whatever_the_names(filled, page):
    assert page.text.count("What each variant made of a few test examples") == 3
    assert "<script>alert(1)</script>" not in page.source and page.text.count("<script>alert(1)</script>") > 5
    assert not any("onload" in attributes for _, attributes in page.tags)
    pictures = page.all("img")
    assert len(pictures) == 3 + 2 * 3 + 5 * 3 + 5 * 3  # images, targets, predicted masks, five sets' executed blocks
    assert all(img["alt"] and img["src"].startswith("data:image/") for img in pictures)
    assert all(img["width"].isdigit() and img["height"].isdigit() for img in pictures)
    assert page.text.count("✓") - 4 == page.text.count("right:")  # each said in words, too; four captions explain it
    assert page.text.count("✗") == page.text.count("wrong:") > 4
    assert "first 3 of 5 channels" in page.text
    lines = [svg for svg in page.all("svg") if (svg.get("aria-label") or "").startswith("Test example")]
    assert len(lines) == 3 * 3 and any("<script>" in svg["aria-label"] for svg in lines)
    assert page_of(filled).source == page.source


def test_every_number_is_traced_to_its_rows(filled, page):
    cells = [attributes for _, attributes in page.tags if attributes.get("data-column") in ("prediction", "confidence")]
    cells += [attributes for _, attributes in page.tags if attributes.get("data-column") in ("confusion", "content")]
    tables = {name: table(filled, name) for name in ("predictions", "masks")}
    seen = set()
    for cell in cells:
        where, column = json.loads(cell["data-where"]), cell["data-column"]
        rows = tables["masks" if "masks" in cell.get("data-source", "") else "predictions"]
        for name, value in where.items():
            rows = rows[rows[name] == value]
        if column == "prediction":
            expected = rows.prediction.value_counts(normalize=True).max()
        elif column == "confidence":
            expected = rows.confidence.mean()
        elif column == "content":
            expected = np.asarray(Image.open(io.BytesIO(rows.content.iloc[0]))).mean()
        else:
            counts = rows.confusion.iloc[0].reshape(3, 3)
            expected = (counts.diagonal() / (counts.sum(0) + counts.sum(1) - counts.diagonal())).mean()
        assert float(cell["data-value"]) == pytest.approx(expected), where
        seen.add((column, cell["data-how"]))
    assert seen == {
        ("prediction", "share of seeds"),
        ("confidence", "mean"),
        ("confusion", "mean IoU of the image's classes"),
        ("content", "mean of the picture's levels"),
    }


def test_what_is_not_shown_is_said(copied):
    results = load(copied)
    put(copied, "ucr/GunPoint", "timeseries", hashed=False)
    (copied / "samples/ucr/ArrowHead.test.parquet").unlink()
    found = examples.of_task(results, "timeseries")
    assert [shown.dataset for shown in found.datasets] == ["ucr/ItalyPowerDemand"]
    assert (found.stale, found.without, found.more) == (["ucr/GunPoint"], ["ucr/ArrowHead"], [])
    text = page_of(copied).text
    assert "other data than the runs: ucr/GunPoint" in text and "have been written of 1 dataset;" in text
    shutil.rmtree(copied / "samples")
    assert not examples.of_task(results, "timeseries")
    assert "Predictions on test examples" not in page_of(copied).text


def test_of_an_archive_the_first_are_shown(make):
    datasets = {f"ucr/Set{n:02}": "timeseries" for n in range(15)}
    folder = make(run_rows(VARIANTS, datasets, seeds=1))
    for dataset, task in datasets.items():
        put(folder, dataset, task)
    found = examples.of_task(load(folder), "timeseries")
    assert [shown.dataset for shown in found.datasets] == [*datasets][: examples.INLINE]
    assert found.more == [*datasets][examples.INLINE :]
    # Their predictions are null: nothing was kept.
    assert not any(cell.voted for shown in found.datasets for row in shown.rows for cell in row.cells)


def test_heavy_pictures_are_thinned():
    masks = {("v", n, "mask"): Mask("r", 21, RNG.integers(0, 21, (112, 112)).astype(np.uint8)) for n in range(30)}
    masks |= {("v", n, "executed"): Mask("r", 8, RNG.integers(0, 9, (1, 112)).astype(np.uint8)) for n in range(30)}
    whole, thinned = Pictures(masks, 10**9).uris, Pictures(masks, examples.PICTURES).uris
    assert sum(map(len, thinned.values())) <= examples.PICTURES < sum(map(len, whole.values()))
    light = {key: masks[key] for key in [*masks][:3]}
    assert Pictures(light, examples.PICTURES).uris == {key: whole[key] for key in light}


def test_damaged_files_are_named(copied):
    masks = table(copied, "masks")
    masks.at[0, "content"] = b"no picture"
    records.write("masks", masks, copied / "tables/masks.parquet")
    with pytest.raises(
        DynconvError, match=rf"masks\.parquet: {re.escape(masks.run_id[0])}, example .*not a readable PNG"
    ):
        for task in ("classification", "segmentation", "timeseries"):
            examples.of_task(load(copied), task)
    (copied / "samples/digits.test.parquet").write_bytes(b"no table")
    with pytest.raises(DynconvError, match=r"digits\.test\.parquet: not a readable Parquet file"):
        examples.of_task(load(copied), "classification")
