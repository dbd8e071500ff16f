"""The measurements as markdown."""

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import fields, replace

from measure import Measurement
from ways import OURS, PEERS

COMMANDS = ("sbatch", "squeue", "sacct", "scontrol", "scancel", "srun", "sinfo", "sacctmgr")
GOALS = {"plain": 5, "packed": 20}  # times less overhead a job than the tuned peer
_OURS = [way.name for way in OURS]
_PEERS = [way.name for way in PEERS]


def medians(runs: Iterable[Measurement]) -> dict[str, Measurement]:
    """One measurement a way: the median of each number over its runs, the calls of its last."""
    by_way: dict[str, list[Measurement]] = {}
    for run in runs:
        by_way.setdefault(run.way, []).append(run)
    numbers = [field.name for field in fields(Measurement) if field.type is float]
    return {
        way: replace(each[-1], **{name: statistics.median(getattr(run, name) for run in each) for name in numbers})
        for way, each in by_way.items()
    }


def results(found: dict[str, Measurement]) -> str:
    """A row a way."""
    head = ["way", "makespan (s)", "overhead (s/job)", "driver CPU (s)", "jobs' CPU (s/job)", "cluster jobs"]
    rows = [
        [
            run.way, f"{run.makespan_s:.1f}", f"{run.overhead_s:.3f}", f"{run.driver_cpu_s:.2f}",
            f"{run.job_cpu_s / run.jobs:.3f}", str(run.cluster_jobs), _calls(run.driver_calls), _calls(run.job_calls),
        ]
        for run in found.values()
    ]  # fmt: skip
    return _table([*head, "calls by the driver", "calls by the jobs"], rows)


def ratios(found: dict[str, Measurement]) -> str:
    """How many times less than each peer: overhead, CPU seconds in all, calls in all."""
    peers = [name for name in _PEERS if name in found]
    if not peers:
        return ""
    rows = []
    for ours in [found[name] for name in _OURS if name in found]:
        row = [ours.way]
        for peer in [found[name] for name in peers]:
            pairs = [(peer.overhead_s, ours.overhead_s), (_cpu(peer), _cpu(ours)), (_count(peer), _count(ours))]
            row.append(" / ".join(f"{theirs / our:.3g}" for theirs, our in pairs))
        rows.append(row)
    return _table(["times less overhead / CPU seconds / calls than", *peers], rows)


def goals(found: dict[str, Measurement]) -> list[str]:
    """Whether each goal is met, against the tuned peer."""
    peer = found.get("peer tuned")
    lines = []
    for name, goal in GOALS.items():
        if peer and name in found:
            ratio = peer.overhead_s / found[name].overhead_s
            lines.append(f"{name}: {ratio:.1f} times less overhead a job than {peer.way}; the goal is {goal}")
    return lines


def _cpu(run: Measurement) -> float:
    return run.driver_cpu_s + run.job_cpu_s


def _count(run: Measurement) -> int:
    return sum(run.driver_calls.values()) + sum(run.job_calls.values())


def _calls(calls: dict[str, int]) -> str:
    return ", ".join(f"{calls[name]} {name}" for name in COMMANDS if calls.get(name)) or "none"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
