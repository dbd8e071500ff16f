"""Batches of a prepared split, on the device, normalised."""

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

import numpy as np
import torch

from dynconv.data.augment import augment, augment_stored
from dynconv.data.cut import Rows
from dynconv.data.store import Split
from dynconv.errors import DynconvError

_CHUNK_BYTES = 64 << 20  # copied to the device at a time
_PIECE_BYTES = 8 << 20  # of float32 images, augmented at a time on a CPU


class Batches:
    """The examples of one split by their ids, wherever the arrays are.

    On a GPU the arrays are copied to it once if they fit in `memory_share` of its free memory, else every batch is
    gathered from the memory map and sent over pinned memory.  On a CPU the memory map itself is the resident copy: its
    pages are shared by all processes of the machine.
    """

    def __init__(
        self, arrays: Split, meta: Mapping[str, Any], device: torch.device | str, *, memory_share: float = 0.5
    ):
        self.device = torch.device(device)
        self._arrays = arrays
        self._affine = None
        if arrays.x.dtype == np.uint8:
            shape = (1, -1, *[1] * (arrays.x.ndim - 2))
            mean, std = (torch.tensor(v, dtype=torch.float32, device=self.device) for v in (meta["mean"], meta["std"]))
            self._affine = mean.view(shape), std.view(shape)
        self.resident = self.device.type == "cuda" and _fits(arrays, self.device, memory_share)
        if self.resident:
            self._x, self._y = (_upload(array, self.device) for array in arrays)

    @property
    def index_device(self) -> torch.device:
        """Where ids are best: beside resident arrays, else on the CPU, or gathering would wait for the GPU's work."""
        return self.device if self.resident else torch.device("cpu")

    def __len__(self) -> int:
        return len(self._arrays.x)

    def get(self, ids: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The examples `ids` (int64 [B], on any device) as x float32 [B, C, ...] and y int64 [B] or [B, H, W].

        Images are normalised per channel with the training split's mean and standard deviation; series, normalised
        one by one when prepared, are passed on as they are stored.
        """
        x, y = self._gather(ids)
        return self._normalised(x), y.long()

    def augmented(
        self, ids: torch.Tensor, names: Iterable[str], *, seed: int, epoch: int, task: str
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """`augment(*get(ids), names, ...)`, the same bits in less time; arguments and errors are those of `augment`."""
        apply = partial(self._augmented, names=list(names), seed=seed, epoch=epoch, task=task)
        size = max(torch.get_num_threads(), _PIECE_BYTES // max(1, 4 * self._arrays.x[:1].size))
        if self.device.type != "cpu" or len(ids) <= size:
            return apply(ids)
        # What the steps hold in between is then small enough for the allocator to use it again; larger blocks it takes
        # from the system and gives back each time, which costs more than the arithmetic.
        return _joined(map(apply, ids.split(size)), len(ids))

    def _augmented(
        self, ids: torch.Tensor, names: list[str], *, seed: int, epoch: int, task: str
    ) -> tuple[torch.Tensor, torch.Tensor]:
        x, y = self._gather(ids)
        if self._affine is None:
            return augment(self._normalised(x), y.long(), names, seed=seed, epoch=epoch, ids=ids, task=task)
        return augment_stored(x, y, names, self._normalised, seed=seed, epoch=epoch, ids=ids, task=task)

    def _gather(self, ids: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """x and y as they are stored, on the device."""
        if self.resident:
            ids = ids.to(self.device)
            return self._x[ids], self._y[ids]
        index = ids.cpu().numpy()
        x, y = (self._send(array[index]) for array in self._arrays)
        return x, y

    def _normalised(self, x: torch.Tensor, inside: torch.Tensor | None = None) -> torch.Tensor:
        x = x.to(torch.float32)
        if self._affine is not None:  # then x is a copy, which may be changed
            mean, std = self._affine
            # Outside, where x is 0, nothing is subtracted: 0 - 0 * mean is 0.
            x = x.sub_(mean) if inside is None else x.addcmul_(inside.to(torch.float32), mean, value=-1)
            x = x.div_(std)
        return x

    def _send(self, gathered: np.ndarray) -> torch.Tensor:
        tensor = torch.from_numpy(gathered)
        if self.device.type == "cuda":
            tensor = tensor.pin_memory()
        return tensor.to(self.device, non_blocking=True)


def steps_per_epoch(n: int, batch_size: int, drop_last: bool = False) -> int:
    """Number of batches in which `split_epoch` cuts `n` examples.

    Raises:
        DynconvError: `drop_last` would leave nothing.
    """
    if drop_last and n < batch_size:
        raise DynconvError(f"drop_last: {n} examples fill no batch of {batch_size}; valid: batch_size up to {n}")
    return n // batch_size if drop_last else -(-n // batch_size)


def split_epoch(order: torch.Tensor, batch_size: int, drop_last: bool = False) -> list[torch.Tensor]:
    """Cut `order` (int64 [n]) into batches of at most `batch_size`.

    `drop_last`: full batches only.  Otherwise every example is used and the sizes differ by at most one: a last batch
    of a few examples would have poor batch statistics and too much weight.
    """
    steps = steps_per_epoch(len(order), batch_size, drop_last)
    if drop_last:
        return list(order[: steps * batch_size].split(batch_size))
    return list(order.tensor_split(steps))


def _joined(parts: Iterable[tuple[torch.Tensor, torch.Tensor]], count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """One batch of `count` examples from parts of it."""
    whole: tuple[torch.Tensor, ...] = ()
    start = 0
    for part in parts:
        whole = whole or tuple(tensor.new_empty(count, *tensor.shape[1:]) for tensor in part)
        stop = start + len(part[0])
        whole[0][start:stop], whole[1][start:stop] = part
        start = stop
        del part  # before the next one is made
    x, y = whole
    return x, y


def _fits(arrays: Split, device: torch.device, share: float) -> bool:
    free, _ = torch.cuda.mem_get_info(device)
    return sum(array.nbytes for array in arrays) <= share * free


def _upload(array: np.ndarray | Rows, device: torch.device) -> torch.Tensor:
    dtype = torch.from_numpy(np.empty(0, array.dtype)).dtype
    result = torch.empty(array.shape, dtype=dtype, device=device)
    rows = max(1, _CHUNK_BYTES // max(1, array[:1].nbytes))
    for start in range(0, len(array), rows):
        result[start : start + rows] = torch.from_numpy(np.array(array[start : start + rows]))
    return result
