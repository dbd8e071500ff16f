"""The most memory that tensors take at one time, counted by torch's own allocators."""

import gc
import os
from types import TracebackType

import torch
from torch.autograd.profiler import profile


class PeakMemory:
    """`with PeakMemory(device) as memory: ...`, then `memory.bytes`: the most allocated at one time in the block.

    What was there before does not count, and what the block frees counts no more, to the byte:

    * on a GPU it is the caching allocator's `max_memory_allocated` over what was allocated at the start: the tensors
      and the libraries' workspaces, without what is cached or lost to fragmentation;
    * on a CPU it is every block that torch's allocator gives and takes back, workspaces inside of operations included.
      Unlike the resident set it holds neither libraries nor the system allocator's habits, and repeats exactly.
    """

    bytes: int

    def __init__(self, device: torch.device):
        self._device = device

    def __enter__(self) -> "PeakMemory":
        gc.collect()  # what was there before shall not be freed within the block
        if self._device.type == "cuda":
            self._before = torch.cuda.memory_allocated(self._device)
            torch.cuda.reset_peak_memory_stats(self._device)
            return self
        # Else its library writes an "ERROR" into the log wherever there is no GPU.  It looks once.
        os.environ.setdefault("KINETO_LOG_LEVEL", "6")
        self._profile = profile(profile_memory=True, use_kineto=False)  # of the CPU alone
        self._profile.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._device.type == "cuda":
            self.bytes = torch.cuda.max_memory_allocated(self._device) - self._before
            return
        self._profile.__exit__(kind, error, trace)
        result = self._profile.kineto_results
        events = [event for event in result.events() if event.name() == "[memory]"] if result else []
        allocated = self.bytes = 0
        for event in sorted(events, key=lambda event: event.start_ns()):
            allocated += event.nbytes()  # type: ignore[attr-defined]  # torch 2.14 omits it in its stub
            self.bytes = max(self.bytes, allocated)
