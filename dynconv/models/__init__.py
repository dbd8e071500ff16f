"""ResNet variants in one skeleton.

    model = dynconv.models.build("odconv", num_classes=10)
    loss = criterion(model(images), labels) + dynconv.models.auxiliary_loss(model)

Names are resolved on first use, so that listing the variants does not import torch.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dynconv.models.factory import build, build_segmentation
    from dynconv.models.protocol import anneal, auxiliary_loss, give_keys, measures

__all__ = ["anneal", "auxiliary_loss", "build", "build_segmentation", "give_keys", "measures"]

_HOME = {
    "build": "factory",
    "build_segmentation": "factory",
    "anneal": "protocol",
    "auxiliary_loss": "protocol",
    "give_keys": "protocol",
    "measures": "protocol",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
