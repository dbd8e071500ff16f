"""What of a finished run stays on disk: the key `keep:` of a study."""

from collections.abc import Sequence
from typing import Literal

from dynconv.explain import Strict


class Keep(Strict):
    """The retention rule; `dynconv train` writes no more than that, `dynconv clean` removes what is there beyond it."""

    predictions: Literal["all", "first_seed", "none"] = "all"  # runs that keep their predictions, one a test example
    checkpoints: Literal["failed", "none"] = "failed"  # failed: a run that died keeps its own, for the next try

    def predictions_of(self, seed: int, seeds: Sequence[int]) -> bool:
        """Does the run with this seed, of the study's `seeds`, keep its predictions?"""
        return self.predictions == "all" or (self.predictions == "first_seed" and seed == seeds[0])
