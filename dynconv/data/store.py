"""A prepared dataset on disk: four `.npy` arrays and the `meta.json` that vouches for them.

`<data>/<dataset>/{train_x,train_y,test_x,test_y}.npy`
    images uint8 [N, C, H, W]; series float32 [N, C, L]; labels int64 [N]; masks uint8 [N, H, W] with 255 = void.
"""

import json
import os
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pydantic

from dynconv import files
from dynconv.data.cut import Rows
from dynconv.errors import DynconvError
from dynconv.study import Task

META = "meta.json"
SPLITS = ("train", "test")
ARRAYS = tuple(f"{split}_{part}" for split in SPLITS for part in "xy")


class _Model(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)


class ArrayMeta(_Model):
    """What one `.npy` file must be."""

    shape: tuple[int, ...]
    dtype: str
    bytes: int  # of the file, header included
    sha256: str


class FileMeta(_Model):
    """A published file or folder that the examples were read from."""

    name: str
    bytes: int | None  # None: a folder
    sha256: str | None
    verified: bool | None  # True: its published checksum; None: none is known


class Meta(_Model):
    """The content of `meta.json`."""

    name: str
    task: Task
    toy: bool  # True: a very small stand-in of the same format; its accuracies mean nothing
    classes: tuple[str, ...]  # name of class k at place k
    counts: dict[str, int]  # examples a split
    shape: tuple[int, ...]  # of one example's x: [C, H, W] or [C, L]
    mean: tuple[float, ...]  # per channel of the training split, units of the stored array, void pixels excluded
    std: tuple[float, ...]  # the same; 1 for a constant channel
    arrays: dict[str, ArrayMeta]
    dataset_hash: str  # digest of everything that fixes the examples and their order
    title: str
    source: str
    licence: str
    citation: str
    split_rule: str
    transformations: tuple[str, ...]
    files: tuple[FileMeta, ...] = ()  # empty: the examples are a package's, or generated
    dynconv_version: str


class Split(NamedTuple):
    """The memory-mapped arrays of one split, or some rows of them."""

    x: np.ndarray | Rows
    y: np.ndarray | Rows


class Prepared(NamedTuple):
    """A dataset ready for training."""

    train: Split
    test: Split
    meta: dict[str, Any]  # the content of meta.json, keys as in `Meta`


def open_store(folder: str | os.PathLike, name: str, *, hashes: bool = True) -> Prepared:
    """Open the prepared dataset `name` in `folder` (`<data>/<name>`), memory-mapped and read-only.

    Presence, sizes, shapes and dtypes are always checked; `hashes=False` leaves out the digests (seconds a gigabyte).

    Raises:
        DynconvError: a file is missing, truncated, altered, or of another dataset; names the file and the cause.
    """
    return open_arrays(Path(folder), read_meta_of(folder, name), hashes=hashes)


def open_arrays(folder: Path, meta: Meta, *, hashes: bool) -> Prepared:
    """Open the arrays in `folder`, which are those that `meta` tells of; DynconvError as `open_store`."""
    arrays = {array: _open(folder / f"{array}.npy", meta.arrays[array], meta.name, hashes) for array in ARRAYS}
    train, test = (Split(arrays[f"{split}_x"], arrays[f"{split}_y"]) for split in SPLITS)
    return Prepared(train, test, meta.model_dump())


def open_training(folder: Path, meta: Meta, *, hashes: bool) -> tuple[Split, dict[str, Any]]:
    """The training split alone, and the content of `meta.json`; arguments and errors are those of `open_arrays`.

    The files of the test split are not looked at: a search that chooses by it cannot even read it.
    """
    x, y = (_open(folder / f"{array}.npy", meta.arrays[array], meta.name, hashes) for array in ("train_x", "train_y"))
    return Split(x, y), meta.model_dump()


def read_meta_of(folder: str | os.PathLike, name: str) -> Meta:
    """Read and check the `meta.json` in `folder`; DynconvError as `read_meta`, or if it is of another dataset."""
    path = Path(folder) / META
    meta = read_meta(path)
    if meta.name != name:
        raise DynconvError(f"{path}: is of dataset {meta.name!r}, not {name!r}; valid: {name}")
    return meta


def read_meta(path: str | os.PathLike) -> Meta:
    """Read and check a `meta.json`; DynconvError names the file and the bad key."""
    path = Path(path)
    try:
        meta = Meta.model_validate(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise DynconvError(f"{path}: no such file; make it with `dynconv prepare`") from None
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise DynconvError(f"{path}: not readable JSON: {error}; run `dynconv prepare` again") from None
    except pydantic.ValidationError as error:
        problem = error.errors()[0]
        where = ".".join(map(str, problem["loc"]))
        raise DynconvError(f"{path}: key {where!r}: {problem['msg']}; run `dynconv prepare` again") from None
    if missing := [array for array in ARRAYS if array not in meta.arrays]:
        raise DynconvError(f"{path}: key 'arrays': {missing[0]} is missing; run `dynconv prepare` again")
    return meta


def _open(path: Path, expected: ArrayMeta, name: str, hashes: bool) -> np.ndarray:
    again = f"run `dynconv prepare {name}` again"
    if not path.is_file():
        raise DynconvError(f"{path}: no such file; {again}")
    if (size := path.stat().st_size) != expected.bytes:
        raise DynconvError(f"{path}: has {size} bytes, {META} says {expected.bytes}: truncated or altered; {again}")
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError) as error:
        raise DynconvError(f"{path}: not a readable .npy file: {error}; {again}") from None
    found = (str(array.dtype), array.shape)
    if found != (expected.dtype, expected.shape):
        raise DynconvError(
            f"{path}: holds {found[0]} {list(found[1])}, {META} says {expected.dtype} {list(expected.shape)}; {again}"
        )
    if hashes and files.sha256(path) != expected.sha256:
        raise DynconvError(f"{path}: its sha256 is not the one in {META}: the content was altered; {again}")
    return array
