"""Checkpoints: whole or refused, loaded without running code, for any strategy and number of processes.

    <out>/checkpoint.pt            the last one
    <out>/checkpoint.previous.pt   the one before, should the last be damaged

They hold fp32 parameters, buffers and the optimiser's memory by parameter name, so that a run may continue on one GPU
what it began on four.
"""

import io
import os
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from dynconv.engine.shares import Shares
from dynconv.engine.state import State
from dynconv.engine.strategy import Strategy
from dynconv.engine.world import World
from dynconv.errors import DynconvError
from dynconv.files import atomic, write_text

_MANY = 2**31  # examples: any micro-batch is known to fit
FORMAT = 3  # counts up when the content changes its form


class Refused(Exception):
    """A file that is no usable checkpoint of this run; says why, in one line."""


@dataclass
class Checkpoints:
    """The checkpoints of one run; `identity` names the run, recipe, data and code that they belong to."""

    folder: Path
    identity: str
    good: bool = False  # the last one has been read or written by this process: worth keeping as the one before

    @property
    def path(self) -> Path:
        """The last one."""
        return self.folder / "checkpoint.pt"

    @property
    def previous(self) -> Path:
        """The one before."""
        return self.folder / "checkpoint.previous.pt"

    @property
    def memory(self) -> Path:
        """What `note` has noted."""
        return self.folder / "checkpoint.memory"

    def save(self, state: State, strategy: Strategy) -> None:
        """Write the training's state; collective, the leading process writes and the others wait for it.

        Raises:
            DynconvError: it cannot be written; the earlier checkpoints are untouched.
        """
        state.meet(strategy.world)
        state.account(strategy.world)
        module, parameters = strategy.module, strategy.parameters()
        buffers = dict(module.named_buffers())  # ODConv's temperature included, which no state_dict has
        optimizer = strategy.optimizer_state()
        content = {"format": FORMAT, "identity": self.identity, "parameters": parameters, "buffers": buffers}
        content |= {"optimizer": optimizer, "state": state.content()}
        error = None
        if strategy.world.leads:
            try:
                self._write(content)
            except DynconvError as found:
                error = found
        # Nobody goes on, or ends, before it is there: a launcher may kill what is left when the first one has ended.
        if strategy.world.most([int(error is not None)])[0]:
            raise error or DynconvError(f"{self.path}: the first process could not write it")

    def _write(self, content: dict[str, Any]) -> None:
        buffer = io.BytesIO()  # torch reports a full disk as a RuntimeError of its own; Python as what it is
        torch.save(content, buffer)
        with atomic(self.path) as scratch:
            with scratch.open("wb") as file:
                file.write(buffer.getbuffer())
                os.fsync(file.fileno())  # before the last one is moved
            if self.good:
                os.replace(self.path, self.previous)
        self.good = True

    def load(self, world: World) -> tuple[dict[str, Any] | None, list[str]]:
        """The newest usable content, and one line for each thing that was found; collective.

        The leading process reads and decides, the others receive its bytes: no two of them can continue from
        different steps, whatever a shared file system shows them.
        """
        content, data, said = None, None, []
        if world.leads:
            for scratch in self.folder.glob(f".{self.path.name}.*.part"):  # a kill has left it in the middle
                scratch.unlink()
            for path in (self.path, self.previous):
                if not path.exists():
                    continue
                try:
                    data = path.read_bytes()
                    content = self._read(data)
                    said.append(f"resuming after step {content['state']['step']} of {path}")
                    self.good = path == self.path
                    break
                except (Refused, OSError) as error:
                    data = None
                    said.append(f"{path} is refused: {error}")
            if content is None:
                said.append("starting from scratch")
        data = world.broadcast(data)
        if data is not None and not world.leads:
            content = self._read(data)
        return content, said

    def accumulate(self, shares: Shares) -> int:
        """Micro-batches a step: those of `shares`, or as many more as what was noted asks for; collective."""
        fits = -shares.world.most([-self.noted() if shares.world.leads else -_MANY])[0]
        return shares.for_at_most(fits)

    def noted(self) -> int:
        """Examples of a micro-batch that are known to fit into a GPU's memory."""
        if not self.memory.exists():
            return _MANY
        identity, _, number = self.memory.read_text(encoding="utf-8").rpartition("\n")
        return int(number) if identity == self.identity and number.isdecimal() else _MANY

    def note(self, examples: int) -> None:
        """Remember that no more examples of a micro-batch than that fit into the GPU's memory."""
        write_text(self.memory, f"{self.identity}\n{examples}")

    def remove(self) -> None:
        """Delete them: the run is complete."""
        for path in (self.path, self.previous, self.memory):
            path.unlink(missing_ok=True)

    def _read(self, data: bytes) -> dict[str, Any]:
        try:
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                damaged = archive.testzip()
        except Exception as error:  # a wrong bit can make the archive say anything: encrypted, another method, ...
            raise Refused(f"damaged or cut short ({' '.join(str(error).split())})") from None
        if damaged:
            raise Refused(f"damaged (the checksum of {damaged} is wrong)")
        try:
            content = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
            found, version, _ = content["identity"], content["format"], content["state"]["step"]
        except Exception as error:  # whatever the loader makes of a foreign file, the run goes on
            raise Refused(f"no checkpoint of this program ({type(error).__name__})") from None
        if version != FORMAT:
            raise Refused(f"format {version}; this version reads {FORMAT}")
        if found != self.identity:
            raise Refused("it belongs to another recipe, dataset, seed or version of the code")
        return content


@torch.no_grad()
def fill(module: nn.Module, content: dict[str, Any]) -> None:
    """Set the parameters and buffers of `module` from a checkpoint."""
    tensors = dict(module.named_parameters()) | dict(module.named_buffers())
    for name, value in (content["parameters"] | content["buffers"]).items():
        tensors[name].copy_(value)
