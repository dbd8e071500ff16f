"""Dense or sparse: which way a masked branch is computed."""

import torch

EXECUTIONS = ("auto", "dense", "sparse")

# The cost of sparse execution in multiply-adds of a dense convolution, measured by `benchmarks/hard_attention`.
_FACTOR = 1.4  # of an executed multiply-add: its input is gathered first
_COPY = 225  # of a number of the block's input and of its output: laid out by rows, copied, added to
_WEIGHT = 140  # of a weight: it is brought into the product's order, which a dense convolution has faster ways to do
_START = 5e7  # of a block: some twenty small operations
_MARGIN = 0.8  # of the dense cost: near it the winner changes with the machine's mood, and dense loses less


def pays(executed: float, dense: float, numbers: int, weights: int) -> bool:
    """Whether sparse execution is the faster on a CPU, in float32.

    Args:
        executed: multiply-adds of the branch at the active positions, over the batch.
        dense: those at all positions.
        numbers: elements of the block's input and output, over the batch.
        weights: elements of the branch's kernels.
    """
    return _FACTOR * executed + _COPY * numbers + _WEIGHT * weights + _START < _MARGIN * dense


def can_be_sparse(training: bool) -> bool:
    """Whether sparse execution gives what is wanted: in evaluation, eagerly and without gradients.

    Training needs the whole branch, over which batch norm takes its statistics.  Compiled and exported graphs and
    `torch.func`'s transforms want shapes that do not depend on the data.
    """
    if training or torch.is_grad_enabled() or torch.compiler.is_compiling():
        return False
    return not torch._C._are_functorch_transforms_active()


def is_measured(x: torch.Tensor) -> bool:
    """Whether `pays` was measured for such inputs: float32 on a CPU, without autocast."""
    return x.device.type == "cpu" and x.dtype == torch.float32 and not torch.is_autocast_enabled("cpu")
