"""Image classification: top-1, top-5, balanced accuracy and cross-entropy."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dynconv import models
from dynconv.study import Recipe, Variant
from dynconv.tasks.base import Sums, Task, double, wide


class Classification(Task):
    """One label an example.  Logits [B, K], targets int64 [B]."""

    name = "classification"
    ndim = 2

    def build(self, variant: Variant, in_channels: int, num_classes: int, recipe: Recipe) -> nn.Module:
        """A ResNet classifier with the recipe's depth, width and stem."""
        return models.build(
            variant.base,
            ndim=self.ndim,
            in_channels=in_channels,
            num_classes=num_classes,
            depth=recipe.depth,
            width=recipe.width,
            stem=recipe.stem,
            **variant.options,
        )

    def count(self, target: Tensor) -> Tensor:
        """The number of examples."""
        return torch.tensor(target.shape[0], device=target.device)

    def loss_sum(self, logits: Tensor, target: Tensor, label_smoothing: float) -> Tensor:
        """Cross-entropy summed over the batch."""
        return F.cross_entropy(wide(logits), target, reduction="sum", label_smoothing=label_smoothing)

    def sums(self, logits: Tensor, target: Tensor, keep: Tensor) -> Sums:
        """Per-class hits and counts [K], top-5 hits, cross-entropy and examples."""
        classes = logits.shape[1]
        logits, target = wide(logits[keep]), target[keep]
        hit = logits.argmax(1) == target
        top5 = (logits.topk(min(5, classes), dim=1).indices == target[:, None]).any(1)
        return {
            "hits": double(torch.bincount(target[hit], minlength=classes)),
            "count": double(torch.bincount(target, minlength=classes)),
            "top5": double(top5.sum()),
            "loss": double(F.cross_entropy(logits, target, reduction="sum")),
        }

    def metrics(self, sums: Sums) -> dict[str, float]:
        """Accuracies (0-1) and mean loss (nats); top-5 only where there are more than five classes."""
        hits, count = sums["hits"], sums["count"]
        total = count.sum()
        present = count > 0
        result = {
            "accuracy": (hits.sum() / total).item(),
            "balanced_accuracy": (hits[present] / count[present]).mean().item(),
            "loss": (sums["loss"] / total).item(),
        }
        if len(count) > 5:
            result["accuracy_top5"] = (sums["top5"] / total).item()
        return result

    def predictions(self, logits: Tensor, target: Tensor) -> dict[str, list]:
        """Target, predicted class and its softmax probability."""
        confidence, prediction = wide(logits).softmax(1).max(1)
        return {"target": target.tolist(), "prediction": prediction.tolist(), "confidence": confidence.tolist()}


TASK = Classification()
