"""What the dynamic kernels of a network do while it trains, looked at without touching it (docs/diagnostics.md)."""

from dynconv.engine.diagnostics.probe import Diagnostics

__all__ = ["Diagnostics"]
