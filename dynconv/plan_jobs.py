"""How many cluster jobs and arrays a study's open steps make under a profile, and the most they can cost."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from dynconv.plan_profile import Profile, Resources


@dataclass(frozen=True)
class Group:
    """Items whose jobs ask for the same, and so share packs and arrays."""

    rules: tuple[str, ...]
    items: int
    resources: Resources
    array_size: int

    @property
    def jobs(self) -> int:
        """Cluster jobs: packs, the last one perhaps not full."""
        return math.ceil(self.items / self.resources.pack)

    @property
    def arrays(self) -> int:
        """Slurm arrays."""
        return math.ceil(self.jobs / self.array_size)

    @property
    def pack(self) -> int:
        """Items of a full pack."""
        return min(self.resources.pack, self.items)

    @property
    def limit_minutes(self) -> int | None:
        """Time limit of a full pack: that of one item for each round of items at a time."""
        return self._limit(self.pack)

    @property
    def gpu(self) -> bool:
        """Whether its jobs reserve GPUs."""
        return self.resources.gpus_per_node > 0

    @property
    def most_hours(self) -> float | None:
        """GPU-hours (core-hours without GPU) reserved if every job ran to its time limit; None without a limit."""
        full, rest = divmod(self.items, self.resources.pack)
        hours = 0.0
        for items, jobs in ((self.resources.pack, full), (rest, 1)):
            limit = self._limit(items) if items else 0
            if limit is None:
                return None
            hours += jobs * limit / 60 * self.units(items)
        return hours

    def units(self, items: int) -> int:
        """GPUs (cores without GPU) that a job of `items` reserves."""
        asked = self.resources
        if self.gpu:
            return asked.gpus_per_node * asked.nodes
        return asked.cpus_per_task * min(asked.pack_concurrency, max(1, items)) * asked.tasks_per_node * asked.nodes

    def units_of_one(self) -> float:
        """GPUs (cores) for each item that runs: a part of one where a pack's items share it."""
        return self.units(self.pack) / min(self.resources.pack_concurrency, self.pack)

    def _limit(self, items: int) -> int | None:
        if self.resources.runtime is None:
            return None
        return self.resources.runtime * math.ceil(items / min(self.resources.pack_concurrency, items))


def groups(profile: Profile, items: Iterable[tuple[str, int]]) -> list[Group]:
    """The items of each rule, (rule, number), united where their rules ask for the same."""
    counts: dict[Resources, dict[str, int]] = {}
    for rule, number in items:
        if number:
            counts.setdefault(profile.resources(rule), {})[rule] = number
    return [
        Group(tuple(rules), sum(rules.values()), resources, profile.array_size) for resources, rules in counts.items()
    ]
