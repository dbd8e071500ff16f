"""The UEA archive: the real sets that come with aeon, channels, and the declared rules."""

import numpy as np
import pytest

from dynconv.data import open_store, spec
from dynconv.data.prepare import prepare
from dynconv.errors import DynconvError


def made(data, name):
    return open_store(prepare(name, data, download=False).parent, name)


def test_members_are_the_30_of_the_archive():
    from aeon.datasets.tsc_datasets import UEA

    members = spec("uea/BasicMotions").members
    assert len(members) == 30 and set(members) == set(UEA)


def test_basic_motions_is_the_published_one(tmp_path):
    prepared = made(tmp_path, "uea/BasicMotions")
    assert prepared.train.x.shape == prepared.test.x.shape == (40, 6, 100)
    assert prepared.meta["classes"] == ("badminton", "running", "standing", "walking")
    assert np.bincount(prepared.train.y).tolist() == np.bincount(prepared.test.y).tolist() == [10] * 4
    assert np.abs(prepared.train.x.mean(axis=(0, 2))).max() < 1e-5
    assert np.abs(prepared.train.x.std(axis=(0, 2)) - 1).max() < 1e-5
    # The test split is seen through the training split's scale, and classes keep their amplitudes.
    assert np.abs(prepared.test.x.mean(axis=(0, 2))).max() > 1e-3
    spread = [prepared.train.x[prepared.train.y == label].std() for label in range(4)]
    assert max(spread) > 5 * min(spread)


def test_japanese_vowels_of_unequal_lengths_are_resampled(tmp_path):
    from aeon.datasets import load_classification

    prepared = made(tmp_path, "uea/JapaneseVowels")
    assert prepared.train.x.shape == (270, 12, 26) and prepared.test.x.shape == (370, 12, 26)
    assert prepared.meta["classes"] == tuple("123456789")
    assert any("longest training series (26)" in rule for rule in prepared.meta["transformations"])
    published, labels = load_classification("JapaneseVowels", split="train")
    assert {one.shape[1] for one in published} <= {*range(7, 27)}
    channel = [np.interp(np.linspace(0, one.shape[1] - 1, 26), np.arange(one.shape[1]), one[4]) for one in published]
    expected = (np.array(channel) - np.mean(channel)) / np.std(channel)
    assert np.allclose(prepared.train.x[:, 4], expected, atol=1e-5)
    assert [prepared.meta["classes"][label] for label in prepared.train.y] == list(labels)


def write(data, member, train, test):
    """`.ts` files of series of unequal length, each a text with a colon between channels and before the label."""
    folder = data / "_raw" / "uea" / member
    folder.mkdir(parents=True)
    head = "@univariate false\n@dimensions 2\n@missing true\n@equalLength false\n@classLabel true a b\n@data\n"
    for split, rows in (("TRAIN", train), ("TEST", test)):
        text = f"@problemName {member}\n@timeStamps false\n{head}" + "\n".join(rows) + "\n"
        (folder / f"{member}_{split}.ts").write_text(text)


def test_missing_values_are_filled_and_a_constant_channel_is_0(tmp_path):
    write(tmp_path, "ERing", ["0,?,4:7,7,7:a", "0,4:7,7:b"], ["?,2,2,2,2:8,8,8,8,8:a"])
    prepared = made(tmp_path, "uea/ERing")
    values = np.array([0, 2, 4, 0, 2, 4])
    assert np.allclose(prepared.train.x[:, 0].ravel(), (values - 2) / values.std())
    assert np.allclose(prepared.test.x[0, 0], 0) and prepared.test.x.shape == (1, 2, 3)
    assert (prepared.train.x[:, 1] == 0).all() and (prepared.test.x[:, 1] == 0).all()


@pytest.mark.parametrize(
    ("train", "test", "cause"),
    [
        (["1,2:3,4:a"], ["1,2:3,4:5,6:b"], r"ERing_TEST\.ts: "),
        (["1,2:?,?:a"], ["1,2:3,4:b"], r"ERing_TRAIN\.ts: series 0 has no value"),
        (["1,2:3,4:a", "1,x:3,4:b"], ["1,2:3,4:b"], r"ERing_TRAIN\.ts: not a readable \.ts file"),
        ([], ["1,2:3,4:b"], r"ERing_TRAIN\.ts: series 0 has no "),
    ],
)
def test_bad_files_are_named(tmp_path, train, test, cause):
    write(tmp_path, "ERing", train, test)
    with pytest.raises(DynconvError, match=cause) as error:
        made(tmp_path, "uea/ERing")
    assert "\n" not in str(error.value) and not (tmp_path / "uea" / "ERing").exists()


def test_a_file_of_fewer_channels_is_named(tmp_path):
    write(tmp_path, "ERing", ["1,2:3,4:a"], ["1,2:3,4:b"])
    file = tmp_path / "_raw/uea/ERing/ERing_TEST.ts"
    file.write_text(file.read_text().replace("@dimensions 2", "@dimensions 3").replace("3,4:b", "3,4:5,6:b"))
    with pytest.raises(DynconvError, match=r"ERing_TEST\.ts: a series has 3 channels, the first one 2"):
        made(tmp_path, "uea/ERing")
