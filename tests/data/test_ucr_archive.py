"""The facts of the UCR archive, beside aeon's lists and the real files in its package."""

from pathlib import Path

import aeon.datasets
import pytest
from aeon.datasets import tsc_datasets

from dynconv.data import ucr_archive
from dynconv.data.datasets import ucr

ARCHIVE = {facts.name: facts for facts in ucr_archive.read()}


def test_the_archive_is_aeon_s_in_order():
    assert list(ARCHIVE) == sorted(tsc_datasets.UCR2019) and len(ARCHIVE) == 128
    assert ucr.SPEC.members == tuple(ARCHIVE)


def test_lengths_and_missing_values_are_aeon_s():
    varying = {name for name, facts in ARCHIVE.items() if facts.length is None}
    assert varying == set(tsc_datasets.univariate_variable_length) == set(ucr.SPEC.subsets["ucr_varying"])
    missing = {name for name, facts in ARCHIVE.items() if facts.missing}
    assert missing == set(tsc_datasets.univariate_missing_values) == set(ucr.SPEC.subsets["ucr_missing"])
    clean = tsc_datasets.univariate_equal_length
    assert set(ucr.SPEC.subsets["ucr112"]) == set(clean) and len(clean) == 112
    assert set(ARCHIVE) - set(clean) - varying - missing == {"Fungi"}


@pytest.mark.parametrize("of", [ucr_archive._length, ucr_archive._type])
def test_every_dataset_has_one_length_and_one_type(of):
    words = {of(facts) for facts in ARCHIVE.values()}
    assert sorted(name for word in words for name in ucr.SPEC.subsets[word]) == list(ARCHIVE)


def bundled():
    folder = Path(aeon.datasets.__file__).parent / "data"
    return [name for name in ARCHIVE if (folder / name / f"{name}_TRAIN.ts").is_file()]


@pytest.mark.parametrize("name", bundled())
def test_facts_are_those_of_the_real_files(name):
    facts = ARCHIVE[name]
    (train, train_y), (test, test_y) = (
        aeon.datasets.load_classification(name, split=split, load_equal_length=False, load_no_missing=False)[:2]
        for split in ("train", "test")
    )
    assert (len(train), len(test)) == (facts.train, facts.test)
    assert len({*train_y, *test_y}) == facts.classes
    lengths = {series.shape[-1] for series in (*train, *test)}
    assert lengths == {facts.length} if facts.length else len(lengths) > 1


def test_at_least_five_real_files_were_looked_at():
    assert len(bundled()) >= 5
