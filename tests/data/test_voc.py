"""Pascal VOC's format: palette, void, padding without resampling, and what is refused."""

import numpy as np
import pytest
from PIL import Image

from dynconv.data import VOID, voc_format
from dynconv.data.datasets import shapes_voc, voc2012
from dynconv.data.published import published
from dynconv.errors import DynconvError


@pytest.fixture
def raw(tmp_path):
    """One 20x30 image with every class and void."""
    mask = (np.arange(600) % 22).reshape(20, 30)
    mask = np.where(mask == 21, VOID, mask).astype(np.uint8)
    voc_format.write(tmp_path, "train", [(np.full((20, 30, 3), (200, 100, 50), dtype=np.uint8), mask)])
    return tmp_path


def paths(raw):
    root = raw / voc_format.ROOT
    return root / "JPEGImages" / "train_000000.jpg", root / "SegmentationClass" / "train_000000.png"


def read(raw, size=32):
    with published(raw, voc_format.ROOT) as tree:
        return list(voc_format.examples(voc_format.pairs(tree, voc_format.ids(tree, "train")), size, 21))


def test_palette_is_vocs():
    colours = np.array(voc_format.palette()).reshape(256, 3)
    # Published: aeroplane, bicycle, person, tvmonitor and the cream of the void border.
    for index, colour in (
        (0, (0, 0, 0)),
        (1, (128, 0, 0)),
        (2, (0, 128, 0)),
        (15, (192, 128, 128)),
        (20, (0, 64, 128)),
    ):
        assert tuple(colours[index]) == colour
    assert tuple(colours[VOID]) == (224, 224, 192)


def test_masks_are_indices_and_padding_is_void(raw):
    ((image, mask),) = read(raw)
    stored = np.asarray(Image.open(paths(raw)[1]))
    assert Image.open(paths(raw)[1]).mode == "P"
    assert np.array_equal(mask[:20, :30], stored)
    assert set(np.unique(stored)) == {*range(21), VOID}
    assert (mask[20:] == VOID).all() and (mask[:, 30:] == VOID).all()
    assert (image[:, 20:] == 0).all() and (image[:, :, 30:] == 0).all()
    assert np.abs(image[:, :20, :30].astype(int) - np.array([200, 100, 50])[:, None, None]).max() < 5


def test_greyscale_jpegs_are_read(raw):
    Image.new("L", (30, 20), 90).save(paths(raw)[0])
    ((image, _),) = read(raw)
    assert image.shape == (3, 32, 32) and abs(int(image[2, 5, 5]) - 90) < 3


def rgb_mask(raw):
    Image.new("RGB", (30, 20)).save(paths(raw)[1])


def wrong_class(raw):
    Image.new("L", (30, 20), 21).save(paths(raw)[1])


def other_size(raw):
    Image.new("L", (30, 21)).save(paths(raw)[1])


def truncated(raw):
    content = paths(raw)[0].read_bytes()
    paths(raw)[0].write_bytes(content[: len(content) // 2])


@pytest.mark.parametrize(
    ("damage", "cause"),
    [
        (rgb_mask, r"000000\.png: is of mode RGB"),
        (wrong_class, r"000000\.png: has value 21; valid: 0 to 20, or 255"),
        (other_size, r"000000\.png: is .* both must be of one size"),
        (truncated, r"000000\.jpg: not a readable image"),
        (lambda raw: paths(raw)[1].unlink(), r"000000\.png: no such file, though its split lists it"),
        (
            lambda raw: (raw / voc_format.ROOT / "ImageSets/Segmentation/train.txt").unlink(),
            r"train\.txt: no such file",
        ),
    ],
)
def test_bad_files_are_named(raw, damage, cause):
    damage(raw)
    with pytest.raises(DynconvError, match=cause):
        read(raw)


def test_images_larger_than_the_canvas_are_refused_not_cropped(raw):
    with pytest.raises(DynconvError, match=r"is 30x20; valid: sides up to 24"):
        read(raw, size=24)


def test_voc2012_has_the_published_classes():
    assert len(voc2012.CLASSES) == 21
    assert voc2012.CLASSES[0] == "background" and voc2012.CLASSES[15] == "person"
    assert voc2012.SIZE >= 500


def test_shapes_are_worth_segmenting(shapes):
    counts = np.bincount(shapes.test.y.ravel(), minlength=256)
    assert set(np.flatnonzero(counts)) == {*range(len(shapes_voc.CLASSES)), VOID}
    assert (counts[:4] > 0.03 * counts[:4].sum()).all()
    assert len(shapes.train.x) == 120 and len(shapes.test.x) == 60
    assert not any(np.array_equal(shapes.test.x[0], image) for image in shapes.train.x)
