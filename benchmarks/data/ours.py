"""dynconv's side: prepare an archive, read batches of the store.  Preparing imports no torch."""

import dataclasses
import shutil
from collections.abc import Callable
from pathlib import Path

from dynconv.data import open_store
from dynconv.data.datasets import tiny_imagenet, voc2012
from dynconv.data.prepare import prepare
from dynconv.data.remote import digest

AUGMENT = {"tiny_imagenet": ("pad_crop", "flip"), "voc2012": ("scale_crop", "flip")}  # those of config/config.yaml
_PUBLISHED = {"tiny_imagenet": (tiny_imagenet, "ARCHIVE"), "voc2012": (voc2012, "VOC")}


def declare(dataset: str, archive: Path) -> None:
    """The generated archive's checksum takes the place of the published one: it is verified as that would be."""
    module, name = _PUBLISHED[dataset]
    setattr(module, name, dataclasses.replace(getattr(module, name), checksum=digest(archive).md5))


def make(dataset: str, archive: Path, data: Path) -> int:
    """What `dynconv prepare` does; the number of images."""
    shutil.rmtree(data / dataset, ignore_errors=True)
    prepare(dataset, data, download=False, raw=archive.parent)
    return sum(open_store(data / dataset, dataset, hashes=False).meta["counts"].values())


def reader(dataset: str, data: Path, batch: int, threads: int) -> Callable[[], int]:
    """One call: an epoch of shuffled, augmented and normalised batches; another order and other numbers each time."""
    import torch

    from dynconv.data.batches import Batches

    store = open_store(data / dataset, dataset, hashes=False)
    batches = Batches(store.train, store.meta, "cpu")
    epoch = 0

    def read() -> int:
        nonlocal epoch
        epoch += 1
        order = torch.randperm(len(batches), generator=torch.Generator().manual_seed(epoch))
        before = torch.get_num_threads()
        torch.set_num_threads(threads)
        for ids in order.split(batch):
            batches.augmented(ids, AUGMENT[dataset], seed=0, epoch=epoch, task=store.meta["task"])
        torch.set_num_threads(before)  # the peer has its own
        return len(batches)

    return read
