"""The validation part of a training split: by class, the same for the same key, nothing in both parts."""

import numpy as np
import pytest

from dynconv.data.cut import Rows, cut

SIZES = (40, 25, 10, 5, 1)
LABELS = np.random.default_rng(0).permutation(np.repeat(np.arange(5), SIZES))


@pytest.mark.parametrize("share", [0.1, 0.2, 0.5, 0.9])
def test_parts_are_disjoint_complete_and_by_class(share):
    train, validation = cut(LABELS, share, "k")
    assert sorted([*train, *validation]) == list(range(len(LABELS)))
    assert len(validation) == round(share * len(LABELS)) or share == 0.9
    for label, size in enumerate(SIZES):
        got = (LABELS[validation] == label).sum()
        assert abs(got - share * size) <= 1 and got < size  # each class remains to be learned
    assert list(train) == sorted(train) and list(validation) == sorted(validation)


def test_a_cut_is_a_function_of_labels_share_and_key():
    one, same, other = (cut(LABELS, 0.2, key).validation for key in ("0/digits", "0/digits", "1/digits"))
    assert list(one) == list(same) != list(other)
    assert list(cut(np.zeros(10, int), 0.3, "0/digits").validation) == [1, 5, 6]  # in every version of numpy


def test_what_cannot_be_cut_stays_in_training():
    for labels in (np.arange(18), np.zeros(1, int)):  # one example a class, as of UCR's Fungi
        train, validation = cut(labels, 0.2, "k")
        assert len(validation) == 0 and list(train) == list(range(len(labels)))
    labels = np.array([0, 1, 2, 2])
    assert labels[cut(labels, 0.9, "k").validation].tolist() == [2]
    assert len(cut(np.array([0, 0]), 0.01, "k").validation) == 1  # a cut has an example at least


def test_many_small_classes_give_the_share_of_the_whole():
    labels = np.repeat(np.arange(52), 2)  # no class has a whole example to give: some give one, not always the first
    chosen = [labels[cut(labels, 0.2, key).validation] for key in "abcd"]
    assert [len(c) for c in chosen] == [21] * 4 and all(len(set(c)) == 21 for c in chosen)
    assert len(set(np.concatenate(chosen))) > 40


def test_masks_are_cut_by_example():
    masks = np.zeros((10, 3, 3), np.uint8)
    train, validation = cut(masks, 0.25, "k")
    assert (len(train), len(validation)) == (8, 2)


def test_rows_are_read_where_they_are():
    array = np.arange(24).reshape(6, 2, 2)
    rows = Rows(array, np.array([5, 1, 3]))
    assert (len(rows), rows.shape, rows.ndim, rows.dtype) == (3, (3, 2, 2), 3, array.dtype)
    assert rows.nbytes == array[[5, 1, 3]].nbytes
    np.testing.assert_array_equal(rows[np.array([2, 0])], array[[3, 5]])
    np.testing.assert_array_equal(rows[1:], array[[1, 3]])
