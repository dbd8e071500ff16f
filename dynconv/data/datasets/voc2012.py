"""Pascal VOC 2012 segmentation, published train and val lists, 21 classes."""

import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from dynconv.data import sbd_format, voc_format
from dynconv.data.base import VOID, Facts, Spec
from dynconv.data.fetch import fetch
from dynconv.data.published import find, published
from dynconv.data.remote import Remote
from dynconv.errors import DynconvError

if TYPE_CHECKING:
    from dynconv.data.writer import Writer

FACTS = Facts(shape=(3, 512, 512), classes=21, train=10_582, test=1449)
ALONE = Facts(shape=(3, 512, 512), classes=21, train=1464, test=1449)  # without SBD
SPEC = Spec(
    task="segmentation",
    title="Pascal VOC 2012 segmentation",
    source="http://host.robots.ox.ac.uk/pascal/VOC/voc2012/VOCtrainval_11-May-2012.tar",
    licence="research use; the images fall under Flickr's terms of use",
    citation="Everingham et al. (2015), The Pascal visual object classes challenge: a retrospective, IJCV 111; "
    "Hariharan et al. (2011), Semantic contours from inverse detectors, ICCV",
    split_rule="train: VOC's train.txt (1464) and, where SBD is there, its images that are not in VOC's lists (10582"
    " together); test: VOC's val.txt (1449)",
    facts=FACTS,
)
VOC = Remote(  # 2.0 GB; the checksum is torchvision's
    (SPEC.source, "https://thor.robots.ox.ac.uk/pascal/VOC/voc2012/VOCtrainval_11-May-2012.tar"),
    "6cd6e144f989b92b3379bac3b3de84fd",
)
SBD = Remote(  # 1.4 GB; likewise
    ("https://www2.eecs.berkeley.edu/Research/Projects/CS/vision/grouping/semantic_contours/benchmark.tgz",),
    "82b4d87ceb2ed10f6038a1cba92111cb",
)
SIZE = 512  # every published image has sides up to 500
_NAMES = """
    background aeroplane bicycle bird boat bottle bus car cat chair cow diningtable dog horse motorbike person
    pottedplant sheep sofa train tvmonitor
"""
CLASSES = tuple(_NAMES.split())


def download(raw: Path, member: str) -> None:
    """2.0 GB, and 1.4 GB of SBD's masks."""
    wanted = ((voc_format.ROOT, VOC), (sbd_format.ROOT, SBD))
    fetch([remote for root, remote in wanted if not find(raw, root, remote)], raw)


def prepare(raw: Path, writer: "Writer", member: str) -> None:
    """Images uint8 [3, 512, 512] and masks uint8 [512, 512]."""
    with ExitStack() as stack:
        voc = stack.enter_context(published(raw, voc_format.ROOT, VOC))
        writer.read_from(voc.origin)
        train, val = voc_format.ids(voc, "train"), voc_format.ids(voc, "val")
        if both := sorted({*train} & {*val}):
            raise DynconvError(f"{voc.where('')}: {both[0]} is in train.txt and in val.txt")
        found = voc_format.pairs(voc, train)
        if find(raw, sbd_format.ROOT, SBD):
            sbd = stack.enter_context(published(raw, sbd_format.ROOT, SBD))
            writer.read_from(sbd.origin)
            known = {*train, *val}
            more = [name for name in sbd_format.ids(sbd) if name not in known]
            found += sbd_format.pairs(sbd, more)
            rule = (
                f"training masks: VOC's ({len(train)}), then SBD's of the images in neither list of VOC ({len(more)})"
            )
        else:
            rule = f"training masks: VOC's ({len(train)}), without SBD"
            remedy = f"with {SBD.name} in {raw} there are {FACTS.train}, by --force if there is a store"
            print(f"voc2012: {len(train)} training images; {remedy}", file=sys.stderr)
        padding = f"padded at the right and bottom to {SIZE}x{SIZE}: images with 0, masks with void"
        writer.describe(CLASSES, [rule, padding])
        writer.expect(FACTS if len(found) > len(train) else ALONE)
        writer.split("train", voc_format.examples(found, SIZE, len(CLASSES)))
        writer.split("test", voc_format.examples(voc_format.pairs(voc, val), SIZE, len(CLASSES)))


def toy(raw: Path, member: str) -> None:
    """Four training and two test images of unequal sizes, with one object each; of SBD, three more and two of these."""
    random = np.random.default_rng(0)
    voc_format.write(raw, "train", _objects(random, 4))
    voc_format.write(raw, "val", _objects(random, 2))
    for split, names in (("train", ["train_000001", "sbd_2", "sbd_10"]), ("val", ["val_000000", "sbd_1"])):
        objects = ((image, np.where(mask == VOID, 0, mask)) for image, mask in _objects(random, len(names)))
        sbd_format.write(raw, split, names, objects)


def _objects(random: np.random.Generator, count: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    for _ in range(count):
        height, width = random.integers(40, 80, 2)
        image = random.integers(0, 256, (height, width, 3), dtype=np.uint8)
        mask = np.zeros((height, width), dtype=np.uint8)
        mask[8:24, 8:32] = VOID
        mask[10:22, 10:30] = random.integers(1, len(CLASSES))
        yield image, mask
