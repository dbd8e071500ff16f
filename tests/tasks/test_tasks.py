"""Measures against scikit-learn and plain formulas; sums add up; masked examples and void pixels never count."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from sklearn import metrics as peer

from dynconv import tasks
from dynconv.study import TASKS
from dynconv.tasks.base import add


def batch(task, n=24, classes=7, seed=0):
    generator = torch.Generator().manual_seed(seed)
    if task == "segmentation":
        logits = torch.randn(n, classes, 5, 6, generator=generator)
        target = torch.randint(0, classes, (n, 5, 6), generator=generator)
        target[torch.rand(target.shape, generator=generator) < 0.2] = 255
        return logits, target
    return torch.randn(n, classes, generator=generator), torch.randint(0, classes - 1, (n,), generator=generator)


def everyone(target):
    return torch.ones(len(target), dtype=torch.bool)


@pytest.mark.parametrize("name", TASKS)
def test_sums_add_up_over_batches_and_leave_out_what_is_masked(name):
    task = tasks.get(name)
    logits, target = batch(name)
    whole = task.metrics(task.sums(logits, target, everyone(target)))
    parts = {}
    for part in torch.arange(24).split(7):
        parts = add(parts, task.sums(logits[part], target[part], everyone(part)))
    assert task.metrics(parts) == pytest.approx(whole, rel=1e-6)
    padded = torch.cat([logits, logits[:5]]), torch.cat([target, target[:5]])
    keep = torch.arange(29) < 24
    assert task.metrics(task.sums(*padded, keep)) == pytest.approx(whole, rel=1e-6)


@pytest.mark.parametrize("name", TASKS)
def test_micro_batches_sum_to_the_mean_of_the_whole_batch(name):
    task = tasks.get(name)
    logits, target = batch(name)
    count = task.count(target)
    parts = [task.loss_sum(logits[i], target[i], 0.1) for i in torch.arange(24).tensor_split(5)]
    mean = F.cross_entropy(logits, target, ignore_index=255, label_smoothing=0.1)
    assert float(sum(parts) / count) == pytest.approx(float(mean), rel=1e-5)


@pytest.mark.parametrize("name", ["classification", "timeseries"])
def test_accuracies_equal_scikit_learns(name):
    task = tasks.get(name)
    logits, target = batch(name)
    found = task.metrics(task.sums(logits, target, everyone(target)))
    predicted = logits.argmax(1)
    assert found["accuracy"] == pytest.approx(peer.accuracy_score(target, predicted))
    recalls = peer.recall_score(target, predicted, average=None, labels=sorted(set(target.tolist())))
    assert found["balanced_accuracy"] == pytest.approx(np.mean(recalls))
    assert found["accuracy_top5"] == pytest.approx(peer.top_k_accuracy_score(target, logits, k=5, labels=range(7)))
    assert found["loss"] == pytest.approx(F.cross_entropy(logits, target).item(), rel=1e-5)


def test_top_five_of_five_classes_is_not_reported():
    task = tasks.get("timeseries")
    logits, target = batch("timeseries", classes=5)
    assert "accuracy_top5" not in task.metrics(task.sums(logits, target, everyone(target)))


def test_segmentation_equals_scikit_learns_and_ignores_void():
    task = tasks.get("segmentation")
    logits, target = batch("segmentation")
    found = task.metrics(task.sums(logits, target, everyone(target)))
    seen = target != 255
    truth, predicted = target[seen].numpy(), logits.argmax(1)[seen].numpy()
    assert found["miou"] == pytest.approx(peer.jaccard_score(truth, predicted, average="macro"))
    assert found["pixel_accuracy"] == pytest.approx(peer.accuracy_score(truth, predicted))
    rows = task.predictions(logits, target)["confusion"]
    assert np.sum(rows, axis=0).reshape(7, 7) == pytest.approx(peer.confusion_matrix(truth, predicted))


def test_a_batch_of_nothing_but_void_has_no_loss():
    task = tasks.get("segmentation")
    logits = torch.randn(2, 3, 4, 4, requires_grad=True)
    target = torch.full((2, 4, 4), 255)
    loss = task.loss_sum(logits, target, 0.0)
    loss.backward()
    assert task.count(target) == 0 and loss.item() == 0 and not logits.grad.any()
