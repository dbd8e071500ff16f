"""The UCR archive: real sets, and the declared rules for unequal lengths, missing values and labels."""

import numpy as np
import pytest

from dynconv.data import open_store, spec
from dynconv.data.prepare import prepare
from dynconv.data.series_files import complete, z_normalise
from dynconv.errors import DynconvError


def test_members_are_the_128_of_the_archive():
    from aeon.datasets.tsc_datasets import UCR2019

    members = spec("ucr/GunPoint").members
    assert len(members) == 128
    assert set(members) == set(UCR2019)


def test_gunpoint_is_the_published_one(gunpoint):
    assert gunpoint.train.x.shape == (50, 1, 150)
    assert gunpoint.test.x.shape == (150, 1, 150)
    assert gunpoint.meta["classes"] == ("1", "2")
    assert np.bincount(gunpoint.train.y).tolist() == [24, 26]
    assert np.bincount(gunpoint.test.y).tolist() == [76, 74]
    for x in (gunpoint.train.x, gunpoint.test.x):
        assert np.abs(x.mean(-1)).max() < 1e-5
        assert np.abs(x.std(-1) - 1).max() < 1e-5


def test_unequal_lengths_are_resampled(tmp_path):
    name = "ucr/PickupGestureWiimoteZ"
    prepared = open_store(prepare(name, tmp_path, download=False).parent, name)
    assert prepared.train.x.shape == (50, 1, 361)
    assert prepared.test.x.shape == (50, 1, 361)
    assert prepared.meta["classes"] == tuple(str(label) for label in range(1, 11))  # by value: 10 comes last
    assert any("longest training series (361)" in rule for rule in prepared.meta["transformations"])


def test_complete_keeps_resamples_and_fills():
    series = np.array([[0.0, 1.0, 2.0, 3.0]])
    assert np.array_equal(complete(series, 4), series)
    assert np.allclose(complete(series, 7), [[0, 0.5, 1, 1.5, 2, 2.5, 3]])
    gaps = np.array([[np.nan, 1.0, np.nan, 3.0, np.nan]])
    assert np.allclose(complete(gaps, 5), [[1, 1, 2, 3, 3]])


def test_z_normalise_leaves_a_constant_series_finite():
    assert z_normalise(np.full((1, 5), 3.0)).tolist() == [[0.0] * 5]


def write_ts(raw, member, train, test, header="@missing true\n@equalLength false\n"):
    (raw / member).mkdir(parents=True)
    for split, rows in (("TRAIN", train), ("TEST", test)):
        text = f"@problemName {member}\n@univariate true\n{header}@classLabel true b a\n@data\n" + "\n".join(rows)
        (raw / member / f"{member}_{split}.ts").write_text(text + "\n")


def test_files_put_there_by_hand_are_read(tmp_path, small):
    write_ts(tmp_path / "_raw" / "ucr", "Fungi", ["1,?,3:b", "1,2,3,9,5:a"], ["4,2,1:a"])
    prepared = open_store(prepare("ucr/Fungi", tmp_path, download=False).parent, "ucr/Fungi")
    assert prepared.meta["classes"] == ("a", "b")
    assert prepared.train.y.tolist() == [1, 0]
    assert np.allclose(prepared.train.x[0, 0], z_normalise(np.array([[1.0, 1.5, 2.0, 2.5, 3.0]])))


@pytest.mark.parametrize(
    ("rows", "cause"), [(["?,?,?:a"], "series 0 has no value"), (["1,x,3:a"], r"not a readable \.ts file")]
)
def test_bad_files_are_named(tmp_path, rows, cause):
    write_ts(tmp_path / "_raw" / "ucr", "Fungi", rows, ["1,2,3:b"])
    with pytest.raises(DynconvError, match=rf"Fungi_TRAIN\.ts: {cause}"):
        prepare("ucr/Fungi", tmp_path, download=False)
