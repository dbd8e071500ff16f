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
