"""What changed in the tables from one schema version to the next, and how files of older versions are read.

Each file says the version it was written in (`dynconv.schema` of its metadata); a file that says none was written by
somebody else and is taken as it is.  A column that an older file lacks is null.  A change of another kind (a column
renamed, dropped or of another meaning, a new key) needs a function here, which turns a table of the version before into
one of its version.  A test holds the first version's columns and all that is listed here against the tables.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import pyarrow as pa

from dynconv import __version__
from dynconv.errors import DynconvError
from dynconv.table import SCHEMA_VERSION

VERSION, WRITER = b"dynconv.schema", b"dynconv.version"  # of a file's metadata
Reader = Callable[[pa.Table], pa.Table]


@dataclass(frozen=True)
class Change:
    """What came with a version: new tables, columns added to older ones, and how to read tables of the one before."""

    version: int
    tables: tuple[str, ...]
    added: Mapping[str, tuple[str, ...]]
    read: Mapping[str, Reader]


def _pairwise(old: pa.Table) -> pa.Table:
    """Until a study could plan its adjustment, Holm's decided, of Wilcoxon's test."""
    if "p_adjusted" in old.column_names:
        return old
    for name, source in (("p", "p_wilcoxon"), ("p_adjusted", "p_holm")):
        old = old.append_column(name, old.column(source))
    for name, value in (("test", "wilcoxon"), ("adjustment", "holm")):
        old = old.append_column(name, pa.array([value] * len(old), pa.string()))
    return old


def _seeds(old: pa.Table) -> pa.Table:
    """Until Welch's test had to reject, too, the permutation test decided."""
    if "p_holm_permutation" in old.column_names:
        return old
    return old.rename_columns(["p_holm_permutation" if name == "p_holm" else name for name in old.column_names])


# Version 1 was written while the tables grew: a file of it may lack any of what version 2 lists.
HISTORY = (
    Change(
        2,
        tables=(
            *("trials", "choices", "diagnostics", "aggregates", "cliques", "crossed", "crosstask", "pareto"),
            *("per_seed", "performance_profiles", "posterior", "power", "robustness", "seeds", "masks", "examples"),
        ),
        added={
            "runs": ("zero_stage", "accumulate", "data_wait_s", "pretrained", "diagnostics_s", "plan_hash", "queue_s"),
            "profile": (
                *("samples_per_s_q25", "samples_per_s_q75", "latency_repeats", "forward_memory_bytes"),
                *("train_batch_size", "accumulate", "train_samples_per_s", "train_samples_per_s_q25"),
                *("train_samples_per_s_q75", "train_memory_bytes", "executed_fraction", "precision", "load", "cpu"),
                *("device_memory_bytes", "driver_version", "tf32", "run_hash", "slurm_job_id", "git_sha", "git_dirty"),
                *("dataset_hash", "dynconv_version", "python_version", "cuda_version", "started_at", "finished_at"),
            ),
            "means": ("coverage",),
            "ranks": ("coverage",),
            "omnibus": ("coverage",),
            "pairwise": (
                *("coverage", "n_failed", "mean_diff_fixed_ci_low", "mean_diff_fixed_ci_high"),
                *("hodges_lehmann_ci_low", "hodges_lehmann_ci_high", "rank_biserial_ci_low", "rank_biserial_ci_high"),
                *("prob_a_better_ci_low", "prob_a_better_ci_high", "cliffs_delta_ci_low", "cliffs_delta_ci_high"),
                *(
                    "a12",
                    "a12_ci_low",
                    "a12_ci_high",
                    "test",
                    "p",
                    "p_shaffer",
                    "p_bergmann_hommel",
                    "p_hommel",
                    "p_bh",
                ),
                *("p_romano_wolf", "p_holm_all", "adjustment", "p_adjusted", "exploratory", "plan_hash"),
            ),
        },
        read={"pairwise": _pairwise, "seeds": _seeds},
    ),
)


def version(metadata: Mapping[bytes, bytes] | None, where: str) -> int:
    """The schema version that a file's metadata says; the present one where it says none.

    Raises:
        DynconvError: the version is no number, or newer than this dynconv knows; names `where`.
    """
    said = (metadata or {}).get(VERSION)
    if said is None:
        return SCHEMA_VERSION
    if not said.isdigit() or int(said) < 1:
        raise DynconvError(f"{where}: schema version {said.decode(errors='replace')!r}; valid: 1 to {SCHEMA_VERSION}")
    if int(said) > SCHEMA_VERSION:
        writer = (metadata or {}).get(WRITER, b"a newer dynconv").decode(errors="replace")
        raise DynconvError(
            f"{where}: was written by a newer dynconv ({writer}), in schema version {int(said)};"
            f" this dynconv ({__version__}) reads versions 1 to {SCHEMA_VERSION};"
            " valid: the dynconv that wrote it, or one that is newer still"
        )
    return int(said)


def current(name: str, table: pa.Table, where: str) -> pa.Table:
    """`table`, as a file of table `name` holds it, in the form of the present version.

    Columns that are only missing stay so: `records.to_table` makes them null.  A column that a file has in no version
    is its business, too.

    Raises:
        DynconvError: as of `version`.
    """
    held = version(table.schema.metadata, where)
    for change in HISTORY:
        if held < change.version and name in change.read:
            table = change.read[name](table)
    return table


def rewritten(name: str, metadata: Mapping[bytes, bytes] | None, where: str) -> bool:
    """Whether a file of table `name` must be read whole to be read right: a later version has a function for it.

    Raises:
        DynconvError: as of `version`.
    """
    held = version(metadata, where)
    return any(held < change.version and name in change.read for change in HISTORY)
