"""Datasets: named by their files, prepared once into plain arrays, read memory-mapped.

Importing this package imports no torch.  What needs it lives in `dynconv.data.batches`, `.augment` and `.keyed`.
"""

from dynconv.data.base import VOID, Facts, Spec, kind, spec
from dynconv.data.store import Meta, Prepared, Split, open_store, open_training

__all__ = ["VOID", "Facts", "Meta", "Prepared", "Spec", "Split", "kind", "open_store", "open_training", "spec"]
