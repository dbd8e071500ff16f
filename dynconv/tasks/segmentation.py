"""Semantic segmentation: mIoU and pixel accuracy from summed confusion counts; void pixels never count."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dynconv import models
from dynconv.data import VOID
from dynconv.study import Recipe, Variant
from dynconv.tasks.base import Sums, Task, double, wide


class Segmentation(Task):
    """One class a pixel.  Logits [B, K, H, W], targets [B, H, W] with 255 = void."""

    name = "segmentation"

    def build(self, variant: Variant, in_channels: int, num_classes: int, recipe: Recipe) -> nn.Module:
        """A ResNet at the recipe's output stride with its FCN or DeepLabV3 head."""
        return models.build_segmentation(
            variant.base,
            in_channels=in_channels,
            num_classes=num_classes,
            depth=recipe.depth,
            width=recipe.width,
            stem=recipe.stem,
            output_stride=recipe.output_stride,
            head=recipe.head,
            **variant.options,
        )

    def count(self, target: Tensor) -> Tensor:
        """The number of non-void pixels."""
        return (target != VOID).sum()

    def loss_sum(self, logits: Tensor, target: Tensor, label_smoothing: float) -> Tensor:
        """Cross-entropy summed over non-void pixels."""
        return F.cross_entropy(
            wide(logits), target.long(), ignore_index=VOID, reduction="sum", label_smoothing=label_smoothing
        )

    def sums(self, logits: Tensor, target: Tensor, keep: Tensor) -> Sums:
        """The confusion matrix [K, K] (row: target, column: prediction) and the cross-entropy."""
        logits, target = wide(logits[keep]), target[keep]
        return {
            "confusion": double(_confusion(logits, target).sum(0)),
            "loss": double(F.cross_entropy(logits, target.long(), ignore_index=VOID, reduction="sum")),
        }

    def metrics(self, sums: Sums) -> dict[str, float]:
        """mIoU over the classes that occur in targets or predictions, pixel accuracy (0-1), mean loss (nats)."""
        confusion = sums["confusion"]
        hits = confusion.diagonal()
        union = confusion.sum(0) + confusion.sum(1) - hits
        present = union > 0
        pixels = confusion.sum()
        return {
            "miou": (hits[present] / union[present]).mean().item(),
            "pixel_accuracy": (hits.sum() / pixels).item(),
            "loss": (sums["loss"] / pixels).item(),
        }

    def predictions(self, logits: Tensor, target: Tensor) -> dict[str, list]:
        """Each image's confusion matrix, flattened: what a bootstrap over images needs to recompute mIoU."""
        return {"confusion": _confusion(logits, target).flatten(1).tolist()}

    def mask(self, logits: Tensor, target: Tensor) -> Tensor:
        """The class of each pixel that counts, 255 for the others."""
        return torch.where(target == VOID, VOID, logits.argmax(1))


def _confusion(logits: Tensor, target: Tensor) -> Tensor:
    """int64 [B, K, K] counts of (target, prediction) over each image's non-void pixels."""
    batch, classes = logits.shape[:2]
    target = target.long()
    image = torch.arange(batch, device=target.device).view(-1, 1, 1)
    cell = (image * classes + target) * classes + logits.argmax(1)
    counts = torch.bincount(cell[target != VOID], minlength=batch * classes * classes)
    return counts.view(batch, classes, classes)


TASK = Segmentation()
