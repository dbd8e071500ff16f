"""UCR in each of its published layouts: the same real series give the same arrays; what is damaged is refused."""

import numpy as np
import pytest
from published_files import zip_of
from zip_encryption import encrypted_zip

from dynconv.data import open_store, ts_archive
from dynconv.data.prepare import prepare
from dynconv.data.series_files import read_series
from dynconv.data.tree import FolderTree
from dynconv.errors import DynconvError

REAL = ("ACSF1", "ArrowHead", "GunPoint", "ItalyPowerDemand", "OSULeaf", "PickupGestureWiimoteZ")
SPLITS = ("TRAIN", "TEST")
PASSWORD = b"someone"
BUNDLED = ts_archive._bundled()


@pytest.fixture(autouse=True)
def nothing_comes_with_aeon(monkeypatch, tmp_path):
    """Its six real sets would be found before the layout under test."""
    monkeypatch.setattr(ts_archive, "_bundled", lambda: tmp_path / "nowhere")


def real_ts(name):
    """{split: bytes} of a real dataset."""
    return {split: (BUNDLED / name / f"{name}_{split}.ts").read_bytes() for split in SPLITS}


def as_tsv(ts):
    """The same series as the UCR archive writes them: the label first, NaN up to the longest series of the split."""
    rows = [line.rsplit(":", 1) for line in ts.decode().partition("@data\n")[2].splitlines()]
    rows = [(label, values.replace("?", "NaN").split(",")) for values, label in rows]
    longest = max(len(values) for _, values in rows)
    return "".join(
        "\t".join([label, *values, *["NaN"] * (longest - len(values))]) + "\n" for label, values in rows
    ).encode()


def site_zip(name, ts):
    """As timeseriesclassification.com packs a dataset: no folder, and the same data in three formats."""
    return zip_of(
        {
            f"{name}.txt": b"A description, caf\xe9",
            **{f"{name}_{split}.arff": b"@relation x" for split in SPLITS},
            **{f"{name}_{split}.txt": as_tsv(ts[split]).replace(b"\t", b"  ") for split in SPLITS},
            **{f"{name}_{split}.ts": ts[split] for split in SPLITS},
        }
    )


def ucr_entries(name, ts):
    """As UCRArchive_2018: beside the dataset its adjusted copy, which is not the one to read."""
    adjusted = "UCRArchive_2018/Missing_value_and_variable_length_datasets_adjusted"
    entries = {
        "UCRArchive_2018/": b"",
        f"UCRArchive_2018/{name}/": b"",
        f"{adjusted}/": b"",
        f"{adjusted}/{name}/": b"",
    }
    for split in SPLITS:
        entries[f"UCRArchive_2018/{name}/{name}_{split}.tsv"] = as_tsv(ts[split])
        entries[f"{adjusted}/{name}/{name}_{split}.tsv"] = b"1\t0\t1\n2\t1\t0\n"
    return {**entries, f"UCRArchive_2018/{name}/README.md": b"caf\xe9"}


def whole_entries(name, ts):
    return {"Univariate_ts/": b"", **{f"Univariate_ts/{name}/{name}_{split}.ts": ts[split] for split in SPLITS}}


def unpacked(raw, entries):
    for name, content in entries.items():
        if not name.endswith("/"):
            (raw / name).parent.mkdir(parents=True, exist_ok=True)
            (raw / name).write_bytes(content)


def flat(name, ts, suffix=".ts", folder=""):
    return {f"{folder}{name}_{split}{suffix}": content for split, content in ts.items()}


def tsv(ts):
    return {split: as_tsv(content) for split, content in ts.items()}


LAYOUTS = {
    "the site's zip": lambda raw, name, ts: (raw / f"{name}.zip").write_bytes(site_zip(name, ts)),
    "the site's zip, unpacked": lambda raw, name, ts: unpacked(raw, flat(name, ts, folder=f"{name}/")),
    "Zenodo's files": lambda raw, name, ts: unpacked(raw, flat(name, ts)),
    "a folder of .tsv": lambda raw, name, ts: unpacked(raw, flat(name, tsv(ts), ".tsv", f"{name}/")),
    "UCRArchive_2018": lambda raw, name, ts: unpacked(raw, ucr_entries(name, ts)),
    "UCRArchive_2018.zip": lambda raw, name, ts: (raw / "UCRArchive_2018.zip").write_bytes(
        zip_of(ucr_entries(name, ts))
    ),
    "UCRArchive_2018.zip, encrypted": lambda raw, name, ts: (raw / "UCRArchive_2018.zip").write_bytes(
        encrypted_zip(ucr_entries(name, ts), PASSWORD)
    ),
    "Univariate_ts": lambda raw, name, ts: unpacked(raw, whole_entries(name, ts)),
    "Univariate_ts.zip": lambda raw, name, ts: (raw / "Univariate_ts.zip").write_bytes(zip_of(whole_entries(name, ts))),
    "Univariate2018_ts.zip": lambda raw, name, ts: (raw / "Univariate2018_ts.zip").write_bytes(
        zip_of(whole_entries(name, ts))
    ),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", ["ItalyPowerDemand", "PickupGestureWiimoteZ"])  # of equal and of unequal lengths
def test_every_layout_of_real_series_gives_the_same_arrays(tmp_path, name, layout, expected):
    raw = tmp_path / "raw"
    raw.mkdir()
    LAYOUTS[layout](raw, name, real_ts(name))
    meta = open_store(prepare(f"ucr/{name}", tmp_path / "data", download=False, raw=raw).parent, f"ucr/{name}").meta
    assert meta["dataset_hash"] == expected[name]
    assert len(meta["files"]) == 1 and meta["files"][0]["verified"] is None


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    """The digests of the real sets as aeon's own files give them."""
    data = tmp_path_factory.mktemp("bundled")
    return {
        name: open_store(prepare(f"ucr/{name}", data, download=False).parent, f"ucr/{name}").meta["dataset_hash"]
        for name in ("ItalyPowerDemand", "PickupGestureWiimoteZ")
    }


@pytest.mark.parametrize("name", ["ArrowHead", "GunPoint"])
def test_the_archives_own_tsv_is_the_ts(tmp_path, name):
    """aeon brings these two training files as the UCR archive has them, too."""
    tree = FolderTree(BUNDLED / name)
    (of_ts, ts_labels), (of_tsv, tsv_labels) = (read_series(tree, f"{name}_TRAIN{kind}") for kind in (".ts", ".tsv"))
    assert np.array_equal(np.array(of_ts), np.array(of_tsv)) and ts_labels == tsv_labels


def test_the_zip_is_downloaded(server, monkeypatch, tmp_path):
    monkeypatch.setattr(ts_archive, "_SITE", f"{server.url}/aeon-toolkit")
    server.add("aeon-toolkit/GunPoint.zip", site_zip("GunPoint", real_ts("GunPoint")))
    prepared = open_store(prepare("ucr/GunPoint", tmp_path).parent, "ucr/GunPoint")
    assert prepared.train.x.shape == (50, 1, 150) and prepared.test.x.shape == (150, 1, 150)
    assert [path.name for path in (tmp_path / "_raw/ucr").iterdir()] == ["GunPoint.zip"]
    prepare("ucr/GunPoint", tmp_path, force=True)
    assert len(server.seen) == 1


@pytest.mark.parametrize("page", [None, b"<html>Sorry</html>"])
def test_zenodo_is_asked_where_the_site_fails(server, monkeypatch, tmp_path, page):
    from aeon.datasets.tsc_datasets import tsc_zenodo

    monkeypatch.setattr(ts_archive, "_SITE", server.url)
    monkeypatch.setattr(ts_archive, "_ZENODO", f"{server.url}/records")
    if page:
        server.add("GunPoint.zip", page)
    for split, content in real_ts("GunPoint").items():
        server.add(f"records/{tsc_zenodo['GunPoint']}/files/GunPoint_{split}.ts", content, kind="text/plain")
    assert open_store(prepare("ucr/GunPoint", tmp_path).parent, "ucr/GunPoint").meta["counts"]["test"] == 150
    assert sorted(path.name for path in (tmp_path / "_raw/ucr").iterdir()) == ["GunPoint_TEST.ts", "GunPoint_TRAIN.ts"]


def test_neither_has_it(server, monkeypatch, tmp_path):
    monkeypatch.setattr(ts_archive, "_SITE", server.url)
    monkeypatch.setattr(ts_archive, "_ZENODO", f"{server.url}/records")
    with pytest.raises(DynconvError) as error:
        prepare("ucr/GunPoint", tmp_path)
    told = str(error.value)
    assert f"{server.url}/GunPoint.zip: 404" in told and f"{server.url}/records/" in told and "\n" not in told
    assert list((tmp_path / "_raw/ucr").iterdir()) == []


@pytest.mark.parametrize("there", ["GunPoint", "UCRArchive_2018", "Univariate_ts"])
def test_a_folder_without_the_dataset_does_not_stand_in_the_way(server, monkeypatch, tmp_path, there):
    monkeypatch.setattr(ts_archive, "_SITE", server.url)
    server.add("GunPoint.zip", site_zip("GunPoint", real_ts("GunPoint")))
    (tmp_path / "_raw" / "ucr" / there).mkdir(parents=True)
    assert prepare("ucr/GunPoint", tmp_path).exists()


def test_a_wrong_password_is_told(tmp_path):
    raw = tmp_path / "_raw" / "ucr"
    raw.mkdir(parents=True)
    (raw / "UCRArchive_2018.zip").write_bytes(encrypted_zip(ucr_entries("GunPoint", real_ts("GunPoint")), b"other"))
    with pytest.raises(
        DynconvError, match=r"UCRArchive_2018\.zip:.*GunPoint_TRAIN\.tsv: damaged in the archive: .*[Pp]assword"
    ):
        prepare("ucr/GunPoint", tmp_path, download=False)


def test_a_file_where_a_folder_should_be(tmp_path):
    raw = tmp_path / "_raw" / "ucr"
    raw.mkdir(parents=True)
    (raw / "GunPoint").write_bytes(b"precious")
    with pytest.raises(DynconvError, match=r"_raw/ucr/GunPoint: is a file; valid: a folder, or an archive"):
        prepare("ucr/GunPoint", tmp_path, download=False)


def test_files_that_are_nowhere_are_named(tmp_path):
    with pytest.raises(DynconvError, match=r"_raw/ucr/GunPoint/GunPoint_TRAIN\.ts: no such file; run without --no"):
        prepare("ucr/GunPoint", tmp_path, download=False)
