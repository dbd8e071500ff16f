"""Write a prepared dataset: examples are streamed to a temporary folder, which then takes the place of the old one."""

import contextlib
import dataclasses
import errno
import hashlib
import json
import os
import shutil
import time
import uuid
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, Any

import numpy as np

import dynconv
from dynconv import files
from dynconv.data.bars import Start, bars
from dynconv.data.base import VOID, Facts, Spec
from dynconv.data.masks import highest_class
from dynconv.data.moments import Moments
from dynconv.data.store import ARRAYS, META, ArrayMeta, FileMeta, Meta
from dynconv.data.tree import Origin
from dynconv.errors import DynconvError

_SILENT_S = 2.0  # small datasets are done before anyone wonders
_TELL_EVERY = 64  # examples

# One example of each task: dtype and number of dimensions of x and of y.
_FORMS = {
    "classification": ("uint8", 3, "int64", 0),
    "segmentation": ("uint8", 3, "uint8", 2),
    "timeseries": ("float32", 2, "int64", 0),
}


class Writer:
    """Context manager: `describe`, then `split("train", ...)` and `split("test", ...)`.

    The store appears, whole, when the block ends well.  After an error or a kill the old one is still there.
    """

    def __init__(self, folder: str | os.PathLike, name: str, spec: Spec, *, toy: bool = False):
        self.folder, self.name, self.spec, self.toy = Path(folder), name, spec, toy
        self._scratch = self.folder.with_name(f".{self.folder.name}.{uuid.uuid4().hex[:12]}.part")
        self._classes: tuple[str, ...] = ()
        self._transformations: tuple[str, ...] = ()
        self._shape: tuple[int, ...] = ()
        self._counts: dict[str, int] = {}
        self._origins: list[Origin] = []
        self._published: dict[str, int | None] = {}  # examples a split
        self._slack: int | None = None  # how many more or fewer there may be; None: any number
        self._moments = Moments()

    def __enter__(self) -> "Writer":
        _refuse_foreign(self.folder)
        try:
            self._scratch.mkdir(parents=True)
        except OSError as error:
            raise DynconvError(f"{self.folder}: cannot write: {error.strerror}") from error
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                files.write_text(self._scratch / META, self._meta().model_dump_json(indent=2) + "\n")
                _publish(self._scratch, self.folder)
        finally:
            shutil.rmtree(self._scratch, ignore_errors=True)

    def describe(self, classes: Iterable[str], transformations: Sequence[str]) -> None:
        """The names of the classes, in the order of their labels, and in words what was done to the published data."""
        classes = tuple(classes)
        if bad := [name for name in classes if not name.isprintable()]:
            raise DynconvError(f"{self.name}: class {bad[0]!r} has a character that cannot be printed; rename it")
        self._classes, self._transformations = classes, tuple(transformations)

    def read_from(self, *origins: Origin) -> None:
        """Record the published files that the examples are read from."""
        self._origins += origins

    def expect(self, facts: Facts, slack: int = 0) -> None:
        """Refuse splits that are smaller or larger than published, by more than `slack` examples: files may be missing.

        A toy is smaller, and an archive that has its published checksum is whole: neither is refused.
        """
        self._published = {"train": facts.train, "test": facts.test}
        verified = self._origins and all(origin.verified for origin in self._origins)
        self._slack = None if self.toy or verified else slack

    def split(self, name: str, examples: Iterable[tuple[Any, Any]]) -> None:
        """Write the examples (x, y) of split `name` ("train" or "test"), one after the other.

        x: uint8 [C, H, W] (images) or float32 [C, L] (series); y: the label, an integer, or the mask, uint8 [H, W].

        Raises:
            DynconvError: an example has another form than the first or than its task's, or its label is no class.
        """
        paths = [self._scratch / f"{name}_{part}.npy" for part in "xy"]
        try:
            with paths[0].open("wb") as file_x, paths[1].open("wb") as file_y, bars() as start:
                told = self._told(name, examples, start)
                self._counts[name] = self._stream(name, told, file_x, file_y)
                for file in (file_x, file_y):
                    file.flush()
                    os.fsync(file.fileno())
        except OSError as error:  # of the disk, or of a file that the dataset reads
            raise DynconvError(f"{self.folder}: cannot be made: {error}") from error

    def _told(self, name: str, examples: Iterable[tuple[Any, Any]], start: Start) -> Iterator[tuple[Any, Any]]:
        """The same examples; where they take long, how far they are is shown."""
        advance, began, done, whole = None, time.monotonic(), 0, self._published.get(name)
        for index, (x, y) in enumerate(examples):
            if advance is None and time.monotonic() > began + _SILENT_S:
                advance = start(f"{self.name}, {name}")
            if advance and index % _TELL_EVERY == 0:
                advance(done, whole and whole * np.asarray(x).nbytes)
            yield x, y
            done += np.asarray(x).nbytes

    def _stream(self, name: str, examples: Iterable[tuple[Any, Any]], file_x: IO[bytes], file_y: IO[bytes]) -> int:
        count = 0
        for count, (x, y) in enumerate(examples, 1):
            x, y = np.ascontiguousarray(x), np.asarray(y)
            if y.ndim == 0 and y.dtype.kind in "iu":
                y = y.astype(np.int64)
            self._check(x, y, f"{self.name}: {name} example {count - 1}")
            if count == 1:
                _header(file_x, x.dtype, (0, *x.shape))
                _header(file_y, y.dtype, (0, *y.shape))
            if name == "train":
                self._moments.add(x, y)
            file_x.write(x.data)
            file_y.write(np.ascontiguousarray(y).data)
        if not count:
            raise DynconvError(f"{self.name}: split {name!r} has no examples")
        published = self._published.get(name)
        if published is not None and self._slack is not None and abs(count - published) > self._slack:
            raise DynconvError(
                f"{self.name}: split {name!r} has {count} examples, as published it has {published}: is a part missing?"
            )
        _header(file_x, x.dtype, (count, *x.shape))
        _header(file_y, y.dtype, (count, *y.shape))
        return count

    def _check(self, x: np.ndarray, y: np.ndarray, where: str) -> None:
        form = _FORMS[self.spec.task]
        if (str(x.dtype), x.ndim, str(y.dtype), y.ndim) != form or (y.ndim and y.shape != x.shape[1:]):
            raise DynconvError(
                f"{where}: x is {x.dtype} {list(x.shape)}, y {y.dtype} {list(y.shape)}; valid for {self.spec.task}: "
                f"x {form[0]} of {form[1]} dimensions, y {form[2]} of {form[3]} (a mask has its image's size)"
            )
        self._shape = self._shape or x.shape
        if x.shape != self._shape:
            raise DynconvError(f"{where}: x is {list(x.shape)}, the first one {list(self._shape)}; all must be equal")
        label = highest_class(y) if y.ndim else int(y)
        if label >= len(self._classes) or (label < 0 and not y.ndim):
            raise DynconvError(f"{where}: label {label}; valid: 0 to {len(self._classes) - 1} (masks: or {VOID})")
        if x.dtype.kind == "f" and not np.isfinite(x).all():
            raise DynconvError(f"{where}: x is not finite")

    def _meta(self) -> Meta:
        paths = {name: self._scratch / f"{name}.npy" for name in ARRAYS}
        if absent := [name for name, path in paths.items() if not path.is_file()]:
            raise DynconvError(f"{self.name}: split {absent[0][:-2]!r} was not written")
        arrays = {}
        with ThreadPoolExecutor(len(paths)) as pool:  # hashing releases the interpreter's lock
            digests = list(pool.map(files.sha256, paths.values()))
        for (name, path), digest in zip(paths.items(), digests, strict=True):
            array = np.load(path, mmap_mode="r")
            arrays[name] = ArrayMeta(
                shape=array.shape, dtype=str(array.dtype), bytes=path.stat().st_size, sha256=digest
            )
        mean, std = self._moments.result()
        hashed = [self.name, self.spec.task, self._classes, {key: array.sha256 for key, array in arrays.items()}]
        return Meta(
            name=self.name,
            task=self.spec.task,
            toy=self.toy,
            classes=self._classes,
            counts=self._counts,
            shape=self._shape,
            mean=mean,
            std=std,
            arrays=arrays,
            dataset_hash=hashlib.sha256(json.dumps(hashed, sort_keys=True).encode()).hexdigest()[:16],
            title=self.spec.title,
            source=self.spec.source,
            licence=self.spec.licence,
            citation=self.spec.citation,
            split_rule=self.spec.split_rule,
            transformations=self._transformations,
            files=tuple(FileMeta(**dataclasses.asdict(origin)) for origin in self._origins),
            dynconv_version=dynconv.__version__,
        )


def _header(file: IO[bytes], dtype: np.dtype, shape: tuple[int, ...]) -> None:
    # numpy pads the header so that the first axis may grow in place: it is written once to begin and again to end.
    file.seek(0)
    np.lib.format.write_array_header_1_0(
        file, {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
    )


def _refuse_foreign(folder: Path) -> None:
    """Publishing replaces the whole folder, so it must hold nothing but a store."""
    try:
        found = sorted(entry.name for entry in folder.iterdir()) if folder.exists() else []
    except OSError as error:
        raise DynconvError(f"{folder}: cannot write: {error.strerror}") from error
    known = {META, *(f"{array}.npy" for array in ARRAYS)}
    foreign = [entry for entry in found if entry not in known and not entry.startswith(".snakemake")]
    if foreign:
        raise DynconvError(
            f"{folder / foreign[0]}: not a file of a prepared dataset; move it away, {folder} is replaced"
        )


def _publish(scratch: Path, folder: Path) -> None:
    """Put `scratch` in the place of `folder`.  Of two prepares at once, the later one stands."""
    aside = scratch.with_suffix(".old")
    while True:
        with contextlib.suppress(FileNotFoundError):
            os.replace(folder, aside)
        try:
            os.replace(scratch, folder)
            break
        except OSError as error:
            if error.errno in (errno.ENOTEMPTY, errno.EEXIST):  # another prepare published in between
                shutil.rmtree(aside, ignore_errors=True)
                continue
            with contextlib.suppress(OSError):
                os.replace(aside, folder)
            raise DynconvError(f"{folder}: cannot write: {error.strerror}") from error
    shutil.rmtree(aside, ignore_errors=True)
