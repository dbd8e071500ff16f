"""Energy that the GPU has used, from NVIDIA's management library."""

import contextlib

import torch


class Meter:
    """Energy of this process' GPU; unknown on a CPU, on older GPUs and without the library."""

    def __init__(self, device: torch.device):
        self._handle = None
        if device.type == "cuda":
            with contextlib.suppress(Exception):  # whatever is missing: the column is then null
                import pynvml

                pynvml.nvmlInit()
                # By its UUID: NVML counts the machine's GPUs, torch those that CUDA_VISIBLE_DEVICES lets it see.
                uuid = torch.cuda.get_device_properties(device).uuid
                self._handle = pynvml.nvmlDeviceGetHandleByUUID(f"GPU-{uuid}".encode())
        self._start = self._total()

    def joules(self) -> float | None:
        """Joules since the last call, or since this was made; None if unknown."""
        now, before = self._total(), self._start
        self._start = now
        return None if now is None or before is None else now - before

    def _total(self) -> float | None:
        if self._handle is None:
            return None
        with contextlib.suppress(Exception):
            import pynvml

            return pynvml.nvmlDeviceGetTotalEnergyConsumption(self._handle) / 1000  # it counts millijoules
        return None
