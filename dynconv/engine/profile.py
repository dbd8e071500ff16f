"""What a network costs, measured on the device at hand: one row of the `profile` table."""

import os
from pathlib import Path
from typing import Any

import torch

from dynconv import keyed
from dynconv.data.batches import Batches, split_epoch
from dynconv.engine import profile_inference, profile_training, provenance
from dynconv.engine.device import choose_precision
from dynconv.engine.session import now
from dynconv.engine.setup import setup
from dynconv.study import Study


def profile(
    study: Study, dataset: str, variant: str, store: Path, device_name: str, threads: int | None
) -> dict[str, Any]:
    """Parameters, MACs, and the speed and memory of inference and of training, of one variant on one dataset's inputs.

    One process, an untrained network, the recipe's precision and memory format, and the first batch that training with
    seed 0 takes.  Reading and augmenting data, exchange between processes and the moving average of the weights are not
    in it.  Each time is taken when it is steady, for about a second (`dynconv/engine/timing.py`).

    Raises:
        DynconvError: bad input, as for training.
        torch.OutOfMemoryError: not even one example's forward pass fits in the GPU's memory.
    """
    started, load = now(), os.getloadavg()[0]
    place = setup(study, dataset, store, device_name, threads)
    recipe, device, n = place.recipe, place.device, len(place.train.x)
    data = Batches(place.train, place.meta, device, memory_share=0)  # a single batch: no reason to copy all to a GPU
    first = split_epoch(keyed.permutation(0, 0, n, data.index_device), recipe.batch(n), recipe.drop_last)[0]
    return {
        "dataset": dataset,
        "variant": variant,
        "task": place.task.name,
        **profile_inference.measure(study, variant, place, data, first),
        **profile_training.measure(study, variant, place, data),
        "precision": choose_precision(recipe.precision, device),
        "threads": torch.get_num_threads(),
        "load": load,
        **provenance.hardware(device),
        **provenance.accelerator(device),
        **provenance.versions(),
        "run_hash": study.run_hash(dataset, place.task.name, variant),
        "dataset_hash": place.meta["dataset_hash"],
        "started_at": started,
        "finished_at": now(),
    }
