"""The lines of a plan about cluster jobs, hours and disk."""

from collections import Counter
from itertools import groupby
from pathlib import Path

from dynconv import plan_disk, plan_hours, plan_jobs
from dynconv.columns import columns
from dynconv.plan_profile import Profile
from dynconv.plan_state import State
from dynconv.quantities import duration, number, size


def job_lines(state: State, profile: Profile) -> list[str]:
    """The cluster jobs and arrays of the open steps, and what their time limits allow at most."""
    if profile.executor == "local":
        return [f"cluster jobs: none; {profile.name} runs the steps on this machine"]
    steps = state.steps()
    if not steps:
        return [f"cluster jobs ({profile.name}): none, everything is done"]
    table: list[tuple[str, ...]] = [("step", "items", "a job", "jobs", "arrays", "limit", "at most")]
    most: dict[str, float] = {}
    jobs = arrays = 0
    unlimited, expressions = False, set()
    # Steps of different kinds (train_odconv is of kind train) are not ready at the same time, so they share no array.
    for kind, its in groupby(steps, key=lambda step: step[0].partition("_")[0]):
        own = [step for step in its if step[1]]
        for group in plan_jobs.groups(profile, own):
            hours, unit = group.most_hours, "GPU-hours" if group.gpu else "core-hours"
            jobs, arrays, unlimited = jobs + group.jobs, arrays + group.arrays, unlimited or hours is None
            most[unit] = most.get(unit, 0) + (hours or 0)
            expressions |= {text for rule in group.rules for text in profile.expressions(rule)}
            name = kind if len(group.rules) == len(own) > 1 else few(list(group.rules))
            limit = "?" if group.limit_minutes is None else duration(group.limit_minutes * 60)
            reserved = "?" if hours is None else f"{number(hours)} {unit}"
            table.append((name, *map(str, (group.items, group.pack, group.jobs, group.arrays)), limit, reserved))
    total = " + ".join(f"{number(hours)} {unit}" for unit, hours in most.items() if hours)
    return [
        f"cluster jobs ({profile.name}), packs filled from what is ready at the same time:",
        *(f"  {line}" for line in columns(table, right=range(1, 6))),
        f"  together {jobs} jobs in {arrays} arrays; reserved at most, every job at its limit, no retry: {total or '?'}"
        + (", and the steps without a limit" if unlimited else ""),
        *(f"  {text}: only Snakemake can work that out; not counted here" for text in sorted(expressions)),
    ]


def hour_lines(state: State, profile: Profile | None, options: str) -> list[str]:
    """What the open runs will take, from past runs.  `options`: those of a Snakemake that makes a missing basis."""
    cells = Counter((key.dataset, key.variant) for key in state.open)
    shares = {variant: _share(profile, variant, cells) for _, variant in cells}
    lines, missing = [], set()
    for gpu, ranks in sorted({kind for kind, _ in shares.values()}, key=str):
        mine = {cell: count for cell, count in cells.items() if shares[cell[1]][0] == (gpu, ranks)}
        past = plan_hours.estimate(state.done.values(), mine, Path(state.study.results, "profile"), gpu, ranks)
        based = {cell: count for cell, count in mine.items() if cell in past.seconds}
        if based:
            hours = sum(past.seconds[cell] * count * shares[cell[1]][1] for cell, count in based.items()) / 3600
            unit = "hours, one run at a time" if gpu is None else "GPU-hours" if gpu else "core-hours"
            scaled = sum(count for cell, count in based.items() if cell in past.scaled)
            lines += [
                f"  {number(hours)} {unit}, for {sum(based.values())} of {len(state.open)} open runs,"
                f" as timed on {past.device} ({past.past} past runs)",
                f"    {sum(based.values()) - scaled} by the mean train_s of their dataset and variant;"
                f" {scaled} by that of other variants on their dataset, scaled by multiply-adds",
            ]
            if any(shares[variant][1] < 1 for _, variant in based):
                lines.append(
                    "    runs of a pack share a GPU: each counts for its part, as if past runs had shared it so"
                )
        if len(based) < len(mine):
            without = {cell: count for cell, count in mine.items() if cell not in based}
            missing |= set(without)
            names = few([dataset for dataset in state.tasks if any(cell[0] == dataset for cell in without)])
            lines += [
                f"  no basis for {sum(without.values())} of {len(state.open)} open runs, on {names}:",
                f"    no past run{_where(gpu, ranks)} of their dataset and variant,"
                " nor one of another variant and their own profile",
            ]
    if missing:
        first = next(key for key in state.open if (key.dataset, key.variant) in missing)
        lines.append(f"  one run is a basis: snakemake {state.study.results}/runs/{first.run_id}/run.parquet {options}")
    return ["estimate (train_s of past runs; start-up, reading data and the test come on top):", *lines]


def _share(
    profile: Profile | None, variant: str, cells: Counter[tuple[str, str]]
) -> tuple[tuple[bool | None, int | None], float]:
    """((whether a run of the variant gets GPUs, its processes), its GPUs or else cores); Nones without a cluster."""
    if profile is None or profile.executor == "local":
        return (None, None), 1.0
    runs = sum(count for cell, count in cells.items() if cell[1] == variant)
    group = plan_jobs.groups(profile, [(f"train_{variant}", runs)])[0]
    return (group.gpu, group.resources.nodes * group.resources.tasks_per_node), group.units_of_one()


def _where(gpu: bool | None, ranks: int | None) -> str:
    if gpu is None:
        return ""
    return " without a GPU" if not gpu else " on a GPU" if ranks == 1 else f" on {ranks} GPUs"


def disk_lines(state: State) -> list[str]:
    """Bytes of the runs' files, as far as the study keeps them, of their checkpoints and of the prepared data."""
    study = state.study
    means = plan_disk.bytes_of_runs(study, state.done)
    runs = Counter(plan_disk.cell(study, key) for key in (*state.done, *state.open))
    based = {cell: count for cell, count in runs.items() if cell in means}
    total, count = sum(means[cell] * number for cell, number in based.items()), sum(based.values())
    prepared = plan_disk.bytes_of_data(study)
    lines = ["disk:"]
    if based:
        kept = "" if study.keep.predictions == "all" else f", predictions kept: {study.keep.predictions}"
        lines.append(
            f"  runs: {size(total)} for {count} runs, {size(total / count)} each by past runs of their dataset{kept}"
        )
    if count < sum(runs.values()):
        without = {dataset for dataset, keeps in runs if (dataset, keeps) not in means}
        names = few([dataset for dataset in state.tasks if dataset in without])
        lines.append(f"  runs: no basis for {sum(runs.values()) - count}: no past run on {names}")
    if checkpoints := plan_disk.bytes_of_checkpoints(study, state.tasks, state.done):
        lines.append(f"  checkpoints: up to {size(checkpoints)} a run (two of them), until it is complete")
    lines.append(f"  data: {size(sum(prepared.values()))} of {len(prepared)} prepared datasets")
    if len(prepared) < len(state.tasks):
        names = few([dataset for dataset in state.tasks if dataset not in prepared])
        lines.append(f"  data: size not known before it is prepared: {names}")
    return lines


def few(names: list[str]) -> str:
    """The first names, and how many more there are."""
    more = len(names) - 4
    return ", ".join(names[:4]) + (f" and {more} more" if more > 0 else "")
