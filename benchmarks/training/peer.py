"""The peer: how torchvision's reference script for classification reads its data and does a step.

ImageFolder, DataLoader and the transforms of small images; float32 unless asked for mixed precision, and the loss and
the accuracy of every step taken to the host, as that script's log does.
"""

import warnings
from collections.abc import Callable, Iterator, Sequence

import torch
import torchvision
from images import SIDE, Images
from measure import Way, rate
from torch import nn
from torch.utils.data import DataLoader, RandomSampler
from torchvision import transforms
from torchvision.datasets import ImageFolder

Batch = tuple[torch.Tensor, torch.Tensor]
_ENDLESS = 1 << 40  # samples of an epoch: the start of a new one costs the peer nothing here


class Loader:
    """Batches for ever."""

    def __init__(self, images: Images, batch: int, workers: int, device: torch.device):
        scaled = [[value / 255 for value in images.meta[key]] for key in ("mean", "std")]
        transform = transforms.Compose([
            transforms.RandomCrop(SIDE, padding=4),
            transforms.RandomHorizontalFlip(),
            transforms.PILToTensor(),
            transforms.ConvertImageDtype(torch.float32),
            transforms.Normalize(*scaled),
        ])  # fmt: skip
        data = ImageFolder(images.folder, transform)
        self.workers, self._device = workers, device
        self._batches: Iterator[Batch] = iter(
            DataLoader(
                data,
                batch_size=batch,
                sampler=RandomSampler(data, replacement=True, num_samples=_ENDLESS),
                num_workers=workers,
                persistent_workers=True,
                pin_memory=device.type == "cuda",
            )
        )

    def next(self) -> Batch:
        """A batch on the device."""
        x, y = next(self._batches)
        return x.to(self._device, non_blocking=True), y.to(self._device, non_blocking=True)

    def way(self) -> Way:
        """Only the data."""
        return Way(f"peer, {self.workers} workers", lambda: len(self.next()[0]), lead=2 * self.workers + 2)


def best_loader(images: Images, batch: int, workers: Sequence[int], seconds: float, device: torch.device) -> Loader:
    """With the number of workers that is fastest on this machine; the others are ended."""
    # More workers than cores are tried on purpose.
    warnings.filterwarnings("ignore", message="This DataLoader will create")
    best, highest = None, 0.0
    for number in workers:
        loader = Loader(images, batch, number, device)
        found = rate(loader.way(), seconds, device)
        print(f"peer with {number} workers: {found:,.0f} samples/s", flush=True)
        if found > highest:
            best, highest = loader, found
        del loader  # ends its workers, unless it is the best
    assert best is not None
    return best


def resnet18(classes: int, device: torch.device) -> nn.Module:
    """torchvision's, with the stem of small images: 3x3, no stride, no pooling."""
    model = torchvision.models.resnet18(num_classes=classes)
    model.conv1 = nn.Conv2d(3, 64, 3, padding=1, bias=False)
    model.maxpool = nn.Identity()
    return model.to(device)


def steps(model: nn.Module, loader: Loader, device: torch.device, *, mixed: bool) -> Callable[[], int]:
    """One call: one step of the reference's loop."""
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, weight_decay=1e-4)
    scaler = torch.amp.GradScaler(device.type, enabled=mixed)
    log = {"loss": 0.0, "accuracy": 0.0}
    model.train()

    def step() -> int:
        x, y = loader.next()
        with torch.autocast(device.type, enabled=mixed):
            output = model(x)
            loss = criterion(output, y)
        optimizer.zero_grad()
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
        log["loss"] += loss.item()
        log["accuracy"] += (output.argmax(1) == y).float().mean().item()
        return len(x)

    return step
