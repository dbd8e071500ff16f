"""UCR's labels, missing values and lengths by their declared rules; files that are damaged are refused."""

import numpy as np
import pytest

from dynconv.data import open_store
from dynconv.data.prepare import prepare
from dynconv.errors import DynconvError

pytestmark = pytest.mark.usefixtures("small")

SPLITS = ("TRAIN", "TEST")


def put(tmp_path, member, train, test, suffix=".tsv", header=""):
    """Write both files from their lines; the prepared arrays."""
    raw = tmp_path / "_raw" / "ucr" / member
    raw.mkdir(parents=True)
    for split, lines in zip(SPLITS, (train, test), strict=True):
        text = "\n".join(lines) + "\n"
        if suffix == ".ts":
            text = f"@problemName x\n@univariate true\n{header}@data\n{text}"
        (raw / f"{member}_{split}{suffix}").write_bytes(text.encode("latin-1"))
    return open_store(prepare(f"ucr/{member}", tmp_path, download=False).parent, f"ucr/{member}")


@pytest.mark.parametrize(
    ("labels", "classes"),
    [
        (["-1", "1"], ("-1", "1")),
        (["1.0", "-1.0"], ("-1", "1")),
        (["1.0000000e+00", "2.0000000e+00"], ("1", "2")),
        (["10", "9", "2"], ("2", "9", "10")),
        (["0", "3", "7"], ("0", "3", "7")),
        (["b", "a"], ("a", "b")),
        (["0.5", "0.25"], ("0.25", "0.5")),
    ],
)
def test_labels_become_0_to_k(tmp_path, labels, classes):
    rows = [f"{label}\t{index}\t2\t5" for index, label in enumerate(labels)]
    prepared = put(tmp_path, "Coffee", rows, rows[::-1])
    assert prepared.meta["classes"] == classes
    assert prepared.train.y.tolist() == [int(np.argsort(np.argsort(keys(labels)))[i]) for i in range(len(labels))]
    assert prepared.test.y.tolist() == prepared.train.y.tolist()[::-1]


def keys(labels):
    try:
        return [float(label) for label in labels]
    except ValueError:
        return labels


def test_one_number_written_in_two_ways_is_one_class(tmp_path):
    prepared = put(tmp_path, "Coffee", ["1\t0\t1", "2\t1\t0"], ["1.0\t0\t1", "2.0\t1\t0"])
    assert prepared.meta["classes"] == ("1", "2") and prepared.test.y.tolist() == [0, 1]


def test_missing_values_are_filled_and_lengths_follow_the_training_split(tmp_path):
    train = ["1\t1\t2\t3\tNaN\tNaN", "2\tNaN\t1\tNaN\t3\t9"]  # PLAID: NaN at the end is no value at all
    prepared = put(tmp_path, "PLAID", train, ["1\t1\t2\tNaN", "2\t0\t5\t5"])
    assert prepared.train.x.shape == (2, 1, 5) and prepared.test.x.shape == (2, 1, 5)
    assert np.allclose(np.diff(prepared.train.x[0, 0], 2), 0, atol=1e-6)  # 1, 1.5, 2, 2.5, 3: still a line
    second = prepared.train.x[1, 0]
    assert np.isclose(second[0], second[1]) and np.isclose(second[2], (second[1] + second[3]) / 2)


def test_nan_at_the_end_is_a_missing_value_where_lengths_are_equal(tmp_path):
    prepared = put(tmp_path, "DodgerLoopDay", ["1\t1\t2\tNaN", "2\t3\t1\t1"], ["1\t1\t2\t2", "2\t3\t1\t2"])
    assert prepared.train.x.shape == (2, 1, 3)
    assert np.allclose(prepared.train.x[0, 0], np.array([-2, 1, 1]) / np.sqrt(2))


def test_one_example_a_class_as_in_fungi(tmp_path):
    train = [f"{label}\t{label}\t0\t{label * label}" for label in range(1, 19)]
    prepared = put(tmp_path, "Fungi", train, train[:3] * 2)
    assert prepared.train.y.tolist() == list(range(18)) and prepared.meta["counts"] == {"train": 18, "test": 6}


def test_sixteen_series_as_in_diatom_size_reduction(tmp_path):
    rows = [f"{1 + index % 4}\t{index}\t0\t1\t5" for index in range(16)]
    assert put(tmp_path, "DiatomSizeReduction", rows, rows * 3).meta["counts"] == {"train": 16, "test": 48}


@pytest.mark.parametrize(
    ("train", "cause"),
    [
        (["1\t1\t2\t3", "2\t1\t2"], "not a readable .tsv file: series of 2 to 3 values"),
        (["1\t1\tx\t3"], "not a readable .tsv file: could not convert"),
        (["1\t1\t\t3"], "not a readable .tsv file"),
        (["\t1\t2\t3"], "series 0 has no label"),
        (["1\tNaN\tNaN"], "series 0 has no value"),
        (["1\tinf\t-inf"], "series 0 has no value"),
        (["1"], "series 0 has no value"),
        ([""], "has no series"),
        (["caf\xe9\t1\t2"], "not a readable .tsv file"),
        (["<html>Sorry</html>"], "series 0 has no value"),
    ],
)
def test_a_bad_tsv_is_refused(tmp_path, train, cause):
    refused(tmp_path, cause, "Coffee", train, ["1\t1\t2\t3"])


WHOLE = "@missing false\n@equalLength true\n@seriesLength 3\n@classLabel true 1 2\n"


@pytest.mark.parametrize(
    ("train", "header", "cause"),
    [
        (["1,2,3:1", "1,2"], WHOLE, "not a readable .ts file"),  # cut in the middle
        (["1,2,3:1", "1,2,3"], WHOLE, "not a readable .ts file"),
        (["1,2,3:1", "1,2,3:"], WHOLE, "series 1 has no label"),
        (["1,2,3:1", "1,2:2"], WHOLE, "not a readable .ts file"),
        (["1,2,3"], WHOLE, "series 0 has no value"),
        ([], WHOLE, "series 0 has no label"),
        (["caf\xe9:1"], WHOLE, "not a readable .ts file"),
        (["?,?,?:1"], WHOLE, "series 0 has no value"),
    ],
)
def test_a_bad_ts_is_refused(tmp_path, train, header, cause):
    refused(tmp_path, cause, "Coffee", train, ["1,2,3:1"], ".ts", header)


def refused(tmp_path, cause, *arguments):
    with pytest.raises(DynconvError) as error:
        put(tmp_path, *arguments)
    where = tmp_path / "_raw/ucr/Coffee/Coffee_TRAIN"
    assert str(where) in str(error.value) and cause in str(error.value) and "\n" not in str(error.value)
    assert not (tmp_path / "ucr" / "Coffee").exists()
