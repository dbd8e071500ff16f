"""The test examples that the report shows: chosen by the data alone, small, and what the store holds."""

import xml.etree.ElementTree as ET

import numpy as np
import pytest
from sheets import DATASETS, decode, points

from dynconv import records
from dynconv.cli import main
from dynconv.data import VOID, Split, open_store
from dynconv.data.chosen import excerpt, of_test
from dynconv.data.sheet import Example, Excerpt
from dynconv.data.thumbnail import LONGEST, thin
from dynconv.data.voc_format import palette
from dynconv.report.example_rows import BOX, CHANNELS, rows


@pytest.mark.parametrize("dataset", DATASETS)
def test_each_is_the_first_of_its_class_in_the_test_split(data, dataset):
    found, (_, test, meta) = excerpt(dataset, data), open_store(data / dataset, dataset)
    classes = len(meta["classes"])
    assert 1 < len(found.ids) == len(set(found.ids)) <= 6 and list(found.ids) == of_test(test, classes)
    for index, target, example in zip(found.ids, found.targets, found.examples, strict=True):
        assert (example.x == test.x[index]).all()
        if target is None:
            assert (example.mask == test.y[index]).all()
        else:
            assert test.y[index] == target and target not in test.y[:index]
    if dataset == "digits":
        assert found.targets == (0, 2, 4, 5, 7, 9)


def test_the_choice_looks_at_thinned_masks():
    y = np.zeros((120, 300, 200), np.uint8)
    y[3, 2, 2] = 2  # between the rows that are looked at
    y[7, 100:200, 50:100] = 1
    y[110] = 3  # after those that are looked at
    assert of_test(Split(y[:, None], y), 4) == [7]


def test_what_is_thinned_is_never_longer_than_a_picture():
    for shape in ((1,), (112,), (113,), (5000,), (1, 500), (500, 1), (113, 2), (2048, 1024)):
        found = thin(np.zeros(shape))
        assert found.size and max(found.shape) <= LONGEST
        assert found.shape == shape or max(shape) > LONGEST


@pytest.mark.parametrize("dataset", DATASETS)
def test_the_command_writes_them_beside_the_sheet(data, tmp_path, dataset):
    study = tmp_path / "s.yaml"
    study.write_text(f"name: s\nvariants: [vanilla, odconv]\ndatasets: [{dataset}]\nseeds: 1\n")
    words = ["samples", "--study", study, "--dataset", dataset, "--data", data, "--out", tmp_path / "s.svg"]
    files = [tmp_path / f"{name}.parquet" for name in "ab"]
    for file in files:
        assert main([str(word) for word in [*words, "--examples", file]]) == 0
    assert files[0].read_bytes() == files[1].read_bytes() and files[0].stat().st_size < 60_000
    found = excerpt(dataset, data)
    for row, index, target, example in zip(
        records.read("examples", files[0]).to_pylist(), found.ids, found.targets, found.examples, strict=True
    ):
        assert (row["example_id"], row["target"], row["toy"]) == (index, target, False)
        assert tuple(row["classes"]) == found.classes and row["shape"] == list(example.x.shape)
        if example.x.ndim == 2:
            (path,) = row["lines"]
            drawn = points(ET.Element("path", d=path))
            assert len(drawn) > 20 and drawn.min() >= -0.2 and (drawn.max(0) <= np.array(BOX) + 0.2).all()
            continue
        assert decode(row["picture"]).shape[:2] == example.x.shape[1:]
        if example.mask is not None:
            shown = decode(row["mask"])
            colours = np.array(palette(), np.uint8).reshape(-1, 3)
            counts = example.mask != VOID
            assert (shown[counts][:, :3] == colours[example.mask[counts]]).all()
            areas = [(example.mask == label).sum() for label in row["present"]]
            assert areas == sorted(areas, reverse=True) and min(areas) > 0 and sum(areas) == counts.sum()


def test_of_many_channels_the_first_are_drawn():
    x = np.random.default_rng(0).normal(size=(9, 40)).astype(np.float32)
    (row,) = rows(Excerpt("d", True, "h", ("<a>", "b"), (4,), (1,), (Example(x),)))
    assert len(row["lines"]) == CHANNELS and row["shape"] == [9, 40] and row["toy"]
