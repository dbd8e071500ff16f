"""The peer: torchvision's ImageFolder and VOCSegmentation with a DataLoader, on files that it has unpacked first.

Its transforms are those of its reference scripts, with the sizes of dynconv's.
"""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch.utils.data import ConcatDataset, DataLoader, Dataset
from torchvision import transforms, tv_tensors
from torchvision.datasets import ImageFolder, VOCSegmentation
from torchvision.datasets.utils import extract_archive
from torchvision.transforms import v2
from torchvision.transforms.functional import pil_to_tensor

from dynconv.data.base import VOID
from dynconv.data.datasets import tiny_imagenet, voc2012

_MEAN, _STD = [0.48, 0.48, 0.48], [0.22, 0.22, 0.22]
_TINY = transforms.Compose([
    transforms.RandomCrop(tiny_imagenet.SIZE, padding=4),
    transforms.RandomHorizontalFlip(),
    transforms.PILToTensor(),
    transforms.ConvertImageDtype(torch.float32),
    transforms.Normalize(_MEAN, _STD),
])  # fmt: skip
_VOC = v2.Compose([
    v2.RandomResize(375 // 2, 375 * 2),  # the shorter side: half to twice
    v2.RandomCrop(voc2012.SIZE, pad_if_needed=True, fill={Image.Image: 0, tv_tensors.Mask: VOID}),
    v2.RandomHorizontalFlip(),
    v2.ToImage(),
    v2.ToDtype({tv_tensors.Image: torch.float32, tv_tensors.Mask: torch.int64}, scale=True),
    v2.Normalize(_MEAN, _STD),
])  # fmt: skip
_AUGMENT = {"tiny_imagenet": _TINY, "voc2012": _VOC}


class Unpacked:
    """The published files, unpacked into a folder."""

    def __init__(self, dataset: str, archive: Path, folder: Path, images: int):
        self.dataset, self._archive, self._folder, self._images = dataset, archive, folder, images
        self._passes: dict[int, DataLoader] = {}  # their workers stay from turn to turn

    def remove(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)

    def unpack(self) -> int:
        """The number of images."""
        self._folder.mkdir()
        extract_archive(str(self._archive), str(self._folder))
        return self._images

    def pass_over(self, batch: int, workers: int) -> int:
        """Decode every image of both splits once; the number of images."""
        if workers not in self._passes:
            data = ConcatDataset([self._split(train, _decoded) for train in (True, False)])
            self._passes[workers] = _loader(data, batch, workers, collate_fn=list)
        return sum(len(examples) for examples in self._passes[workers])

    def reader(self, batch: int, workers: int) -> Callable[[], int]:
        """One call: an epoch of shuffled, augmented and normalised batches."""
        loader = _loader(self._split(True, _AUGMENT[self.dataset]), batch, workers, shuffle=True)
        return lambda: sum(len(x) for x, _ in loader)

    def files(self) -> list[Path]:
        return [path for path in self._folder.rglob("*") if path.is_file()]

    def _split(self, train: bool, transform: Callable[..., Any]) -> Dataset:
        if self.dataset == "tiny_imagenet":
            # ImageFolder takes the folder of the validation images for a class, which here does no harm.
            return ImageFolder(self._folder / tiny_imagenet.ROOT / ("train" if train else "val"), transform)
        split = "train" if train else "val"
        return VOCSegmentation(
            self._folder,
            "2012",
            split,
            transforms=lambda image, mask: transform(image, tv_tensors.Mask(pil_to_tensor(mask)[0])),
        )


def _loader(data: Dataset, batch: int, workers: int, **options: Any) -> DataLoader:
    return DataLoader(data, batch, num_workers=workers, persistent_workers=workers > 0, **options)


def _decoded(image: Image.Image, *mask: torch.Tensor) -> Any:
    return pil_to_tensor(image), *mask
