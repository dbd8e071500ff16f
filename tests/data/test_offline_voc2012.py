"""Pascal VOC 2012 and SBD from archives of the published layouts: downloaded, verified, prepared, or refused."""

import dataclasses
import hashlib
import io

import numpy as np
import pytest
from PIL import Image
from published_files import jpeg, sbd_entries, tar_of, voc_entries, zip_of

from dynconv.data import VOID, open_store, sbd_format, voc_format
from dynconv.data.datasets import voc2012
from dynconv.data.prepare import prepare
from dynconv.errors import DynconvError

pytestmark = pytest.mark.usefixtures("small")

NAME = "voc2012"
VOC, SBD = "VOCtrainval_11-May-2012.tar", "benchmark.tgz"
STORE = [f"{NAME}/{name}" for name in ("meta.json", "test_x.npy", "test_y.npy", "train_x.npy", "train_y.npy")]


def tgz(entries):
    return tar_of(entries, "w:gz")


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """The entries of both archives."""
    folder = tmp_path_factory.mktemp("published")
    return voc_entries(folder), sbd_entries(folder)


@pytest.fixture
def publish(server, monkeypatch):
    """Offer both archives as their publishers do."""

    def offer(voc, sbd):
        for attribute, name, content in (("VOC", VOC, tar_of(voc)), ("SBD", SBD, tgz(sbd))):
            checksum = hashlib.md5(content).hexdigest()
            remote = dataclasses.replace(
                getattr(voc2012, attribute), urls=(server.add(name, content),), checksum=checksum
            )
            monkeypatch.setattr(voc2012, attribute, remote)

    return offer


def files(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def pixels(content):
    return np.asarray(Image.open(io.BytesIO(content)))


def padded(mask):
    return np.pad(mask, ((0, 512 - mask.shape[0]), (0, 512 - mask.shape[1])), constant_values=VOID)


def test_both_are_downloaded_verified_and_united(published, publish, server, tmp_path):
    voc, sbd = published
    publish(voc, sbd)
    prepared = open_store(prepare(NAME, tmp_path).parent, NAME)
    assert files(tmp_path) == [f"_raw/{NAME}/{VOC}", f"_raw/{NAME}/{SBD}", *STORE]
    assert [(file["name"], file["verified"]) for file in prepared.meta["files"]] == [(VOC, True), (SBD, True)]
    assert prepared.train.x.shape == (7, 3, 512, 512) and prepared.test.x.shape == (2, 3, 512, 512)

    # VOC's four first, then of SBD's five the three that are in neither of VOC's lists: its validation images never.
    top = voc_format.ROOT
    expected = [pixels(voc[f"{top}/SegmentationClass/train_{index:06d}.png"]) for index in range(4)]
    of_sbd = ["sbd_1", "sbd_10", "sbd_2"]
    expected += [sbd_format.decode_mask(sbd[f"{sbd_format.ROOT}/cls/{name}.mat"], name) for name in of_sbd]
    assert [np.array_equal(own, padded(mask)) for own, mask in zip(prepared.train.y, expected, strict=True)] == [
        True
    ] * 7
    assert VOID in expected[1] and (expected[4] != VOID).all()
    # Both have a mask of train_000001, and they differ: VOC's was taken.
    other = sbd_format.decode_mask(sbd[f"{sbd_format.ROOT}/cls/train_000001.mat"], "")
    assert not np.array_equal(prepared.train.y[1], padded(other))
    for index, mask in enumerate(prepared.test.y):
        assert np.array_equal(mask, padded(pixels(voc[f"{top}/SegmentationClass/val_{index:06d}.png"])))
    image = pixels(sbd[f"{sbd_format.ROOT}/img/sbd_10.jpg"])
    assert np.array_equal(prepared.train.x[5, :, : image.shape[0], : image.shape[1]], image.transpose(2, 0, 1))
    assert any("SBD's of the images in neither list of VOC (3)" in rule for rule in prepared.meta["transformations"])
    prepare(NAME, tmp_path)
    assert len(server.seen) == 2


LAYOUTS = {
    "published": ((VOC, tar_of), (SBD, tgz)),
    "zips": (("VOCdevkit.zip", zip_of), ("benchmark_RELEASE.zip", zip_of)),
    "tars": (("VOCdevkit.tar", tar_of), ("benchmark_RELEASE.tar", tar_of)),
    "tar.gz": (("VOCdevkit.tar.gz", tgz), ("benchmark_RELEASE.tar.gz", tgz)),
    "folders": ((None, None), (None, None)),
    "mixed": ((VOC, tar_of), (None, None)),
}


def lay(raw, layout, entries):
    for (name, make), members in zip(LAYOUTS[layout], entries, strict=False):
        raw.mkdir(parents=True, exist_ok=True)
        if make:
            (raw / name).write_bytes(make(members))
            continue
        for member, content in members.items():
            if not member.endswith("/"):
                (raw / member).parent.mkdir(parents=True, exist_ok=True)
                (raw / member).write_bytes(content)


@pytest.mark.parametrize("with_sbd", [True, False])
def test_all_layouts_give_the_same_arrays(published, publish, server, tmp_path, with_sbd):
    publish(*published)
    hashes = set()
    for layout in LAYOUTS:
        raw, data = tmp_path / layout / "raw", tmp_path / layout / "data"
        lay(raw, layout, published if with_sbd else published[:1])
        meta = open_store(prepare(NAME, data, download=False, raw=raw).parent, NAME).meta
        assert len(meta["files"]) == 1 + with_sbd
        assert meta["counts"] == {"train": 7 if with_sbd else 4, "test": 2}
        assert with_sbd or "training masks: VOC's (4), without SBD" in meta["transformations"]
        hashes.add(meta["dataset_hash"])
    assert len(hashes) == 1
    assert not server.seen


def png(mask, mode="P"):
    buffer = io.BytesIO()
    Image.fromarray(mask).convert(mode).save(buffer, "PNG")
    return buffer.getvalue()


def mat(mask):
    from scipy.io import savemat

    buffer = io.BytesIO()
    savemat(buffer, {"GTcls": {"Segmentation": mask}})
    return buffer.getvalue()


MASK = "SegmentationClass/train_000000.png"
IMAGE = "JPEGImages/val_000001.jpg"
LISTS = "ImageSets/Segmentation"


@pytest.mark.parametrize(
    ("changes", "cause"),
    [
        ({IMAGE: jpeg()[:300]}, f"{IMAGE}: not a readable image"),
        ({IMAGE: b""}, f"{IMAGE}: not a readable image"),
        ({IMAGE: None}, f"{IMAGE}: no such file, though its split lists it"),
        ({MASK: None}, f"{MASK}: no such file, though its split lists it"),
        ({MASK: png(np.zeros((9, 9), dtype=np.uint8))}, f"{MASK}: is (9, 9), its image"),
        ({MASK: png(np.zeros((9, 9, 3), dtype=np.uint8), "RGB")}, f"{MASK}: is of mode RGB"),
        (
            {"JPEGImages/train_000000.jpg": jpeg(9, 9), MASK: png(np.full((9, 9), 21, np.uint8), "L")},
            f"{MASK}: has value 21",
        ),
        ({"JPEGImages/train_000000.jpg": jpeg(9, 9), MASK: png(np.zeros((9, 9), np.uint8))[:-30]}, f"{MASK}: not a"),
        (
            {"JPEGImages/train_000000.jpg": jpeg(600, 9), MASK: png(np.zeros((9, 600), np.uint8))},
            "is 600x9; valid: sides",
        ),
        ({f"{LISTS}/train.txt": None}, "train.txt: no such file"),
        ({f"{LISTS}/train.txt": b"\n"}, "train.txt: is empty"),
        ({f"{LISTS}/val.txt": b"val_000000\nval_000000\n"}, "val.txt: lists val_000000 twice"),
        ({f"{LISTS}/val.txt": b"\xff\xfe"}, "val.txt: not a text file"),
        ({f"{LISTS}/val.txt": b"val_000000\ntrain_000000\n"}, "train_000000 is in train.txt and in val.txt"),
    ],
)
def test_what_is_wrong_in_voc_is_named(published, tmp_path, changes, cause):
    check_refused(
        tmp_path,
        ({**published[0], **{f"{voc_format.ROOT}/{key}": value for key, value in changes.items()}}, published[1]),
        cause,
    )


@pytest.mark.parametrize(
    ("changes", "cause"),
    [
        (
            {"img/sbd_1.jpg": jpeg(9, 9), "cls/sbd_1.mat": mat(np.full((9, 9), 21, np.uint8))},
            "cls/sbd_1.mat: has value 21",
        ),
        ({"cls/sbd_1.mat": mat(np.zeros((9, 9), np.uint8))}, "cls/sbd_1.mat: is (9, 9), its image"),
        ({"cls/sbd_1.mat": mat(np.zeros((9, 9)))}, "cls/sbd_1.mat: its mask is float64"),
        ({"cls/sbd_1.mat": mat(np.zeros((9, 9), np.uint8))[:150]}, "cls/sbd_1.mat: not a readable mask of SBD"),
        ({"cls/sbd_1.mat": b"MATLAB 5.0 MAT-file" * 20}, "cls/sbd_1.mat: not a readable mask of SBD"),
        ({"cls/sbd_1.mat": b""}, "cls/sbd_1.mat: not a readable mask of SBD"),
        ({"cls/sbd_10.mat": None}, "cls/sbd_10.mat: no such file, though its split lists it"),
        ({"img/sbd_2.jpg": None}, "img/sbd_2.jpg: no such file, though its split lists it"),
        ({"val.txt": None}, "val.txt: no such file"),
        ({"train.txt": b""}, "train.txt: is empty"),
    ],
)
def test_what_is_wrong_in_sbd_is_named(published, tmp_path, changes, cause):
    check_refused(
        tmp_path,
        (published[0], {**published[1], **{f"{sbd_format.ROOT}/{key}": value for key, value in changes.items()}}),
        cause,
    )


def check_refused(tmp_path, changed, cause):
    raw = tmp_path / "raw"
    lay(raw, "tars", [{key: value for key, value in entries.items() if value is not None} for entries in changed])
    with pytest.raises(DynconvError) as error:
        prepare(NAME, tmp_path / "data", download=False, raw=raw)
    assert cause in str(error.value) and str(raw) in str(error.value) and "\n" not in str(error.value)
    assert files(tmp_path) == ["raw/VOCdevkit.tar", "raw/benchmark_RELEASE.tar"]


def test_without_sbd_on_the_net_it_is_said_and_voc_is_kept(published, publish, server, tmp_path):
    publish(*published)
    del server.files[SBD]
    with pytest.raises(DynconvError, match=rf"{SBD}: 404"):
        prepare(NAME, tmp_path)
    assert files(tmp_path) == [f"_raw/{NAME}/{VOC}"]
    assert open_store(prepare(NAME, tmp_path, download=False).parent, NAME).meta["counts"]["train"] == 4
