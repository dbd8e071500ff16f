"""The tables: their columns, types and one line of documentation each.  The data dictionary is `TABLES`."""

from dataclasses import dataclass

import pyarrow as pa

SCHEMA_VERSION = 1

TEXT, INTEGER, REAL, FLAG = pa.string(), pa.int64(), pa.float64(), pa.bool_()
TIME = pa.timestamp("us", tz="UTC")
COUNTS = pa.list_(pa.int64())


@dataclass(frozen=True)
class Column:
    """One column: its name (with its unit), Arrow type and meaning.  A key column is never null."""

    name: str
    type: pa.DataType
    doc: str
    key: bool = False


@dataclass(frozen=True)
class Table:
    """One table: what a row is, and its columns, keys first."""

    name: str
    doc: str
    columns: tuple[Column, ...]

    @property
    def schema(self) -> pa.Schema:
        """The Arrow schema; each field's metadata carries the column's documentation."""
        fields = [pa.field(c.name, c.type, nullable=not c.key, metadata={"doc": c.doc}) for c in self.columns]
        return pa.schema(fields, metadata={"dynconv.table": self.name, "dynconv.schema": str(SCHEMA_VERSION)})

    @property
    def keys(self) -> list[str]:
        """Columns that together name a row."""
        return [c.name for c in self.columns if c.key]


def _key(name: str, kind: pa.DataType, doc: str) -> Column:
    return Column(name, kind, doc, key=True)


_RUN_KEYS = (
    _key("run_id", TEXT, "dataset/variant/seed<k>: names the run"),
    _key("dataset", TEXT, "dataset of the run"),
    _key("variant", TEXT, "variant of the run"),
    _key("seed", INTEGER, "seed: fixes initialisation, order and augmentation"),
)
_VARIANT_PAIR = (
    _key("task", TEXT, "classification, segmentation or timeseries"),
    _key("variant_a", TEXT, "first variant of the pair"),
    _key("variant_b", TEXT, "second variant: differences are a - b, positive when a is better"),
)
_HARDWARE = (
    Column("device", TEXT, "name of the processor or GPU that was timed"),
    Column("hostname", TEXT, "machine"),
)

METRICS = (
    Column("accuracy", REAL, "share of correct top-1 predictions, test split, last epoch (0-1)"),
    Column("accuracy_top5", REAL, "share of targets among the five highest logits (0-1)"),
    Column("balanced_accuracy", REAL, "mean of the per-class recalls over classes present (0-1)"),
    Column("miou", REAL, "mean over classes of intersection over union, from summed confusion counts (0-1)"),
    Column("pixel_accuracy", REAL, "share of non-void pixels predicted correctly (0-1)"),
    Column("loss", REAL, "mean cross-entropy on the test split (nats), without label smoothing"),
    Column("executed_fraction", REAL, "hard attention: share of maskable MACs that the masks keep (0-1)"),
)

_TABLES = (
    Table(
        "runs",
        "One row a run, failed ones included.",
        (
            _key("run_id", TEXT, "dataset/variant/seed<k>: names the run"),
            _key("task", TEXT, "classification, segmentation or timeseries"),
            *_RUN_KEYS[1:],
            _key("status", TEXT, "ok or failed"),
            Column("failure", TEXT, "cause of a failed run, one line; null when ok"),
            Column("attempt", INTEGER, "which attempt this row is from, counted from 1"),
            *METRICS,
            Column("params", INTEGER, "trainable parameters"),
            Column("macs", INTEGER, "multiply-adds of one example's forward pass as executed here"),
            Column("macs_theoretical", INTEGER, "multiply-adds that the method needs in theory, masks as measured"),
            Column("epochs", INTEGER, "epochs trained"),
            Column("steps", INTEGER, "optimiser steps"),
            Column(
                "accumulate",
                INTEGER,
                "micro-batches a step: the recipe's, or more where the GPU's memory was too small",
            ),
            Column("train_s", REAL, "wall-clock seconds of training, interruptions excluded"),
            Column("data_wait_s", REAL, "of train_s, until batches were there (leading process)"),
            Column("samples_per_s", REAL, "training examples a second, all processes together"),
            Column("peak_memory_bytes", INTEGER, "most memory allocated: on a GPU, else resident set of a process"),
            Column("energy_j", REAL, "energy of all GPUs during training (joule); null where not measurable"),
            Column("strategy", TEXT, "single, ddp or deepspeed"),
            Column("zero_stage", INTEGER, "deepspeed: what ZeRO cuts into parts, 0 to 3; else null"),
            Column("world_size", INTEGER, "processes that trained the run"),
            Column("precision", TEXT, "fp32, bf16 or fp16, as used"),
            *_HARDWARE,
            Column("slurm_job_id", TEXT, "Slurm job; null outside Slurm"),
            Column("git_sha", TEXT, "commit of the code; null outside a git checkout"),
            Column("git_dirty", FLAG, "uncommitted changes in the checkout"),
            Column("study", TEXT, "name of the study"),
            Column("study_hash", TEXT, "digest of the whole study"),
            Column("run_hash", TEXT, "digest of recipe, variant and options: what fixes the numbers"),
            Column("dataset_hash", TEXT, "digest of the dataset's arrays"),
            Column("dynconv_version", TEXT, "version of this package"),
            Column("python_version", TEXT, "version of Python"),
            Column("torch_version", TEXT, "version of torch"),
            Column("cuda_version", TEXT, "version of CUDA that torch was built with; null on CPU"),
            Column("started_at", TIME, "start of the run's last attempt (UTC)"),
            Column("finished_at", TIME, "end of the run (UTC)"),
        ),
    ),
    Table(
        "metrics",
        "One row a run, split, epoch and metric: the learning curves.",
        (
            *_RUN_KEYS,
            _key("split", TEXT, "train or test"),
            _key("epoch", INTEGER, "epochs completed"),
            _key("step", INTEGER, "optimiser steps completed"),
            _key("metric", TEXT, "name of the metric"),
            Column("value", REAL, "its value"),
        ),
    ),
    Table(
        "predictions",
        "One row a run and test example.",
        (
            *_RUN_KEYS,
            _key("example_id", INTEGER, "index in the test split"),
            Column("target", INTEGER, "class index; null for segmentation"),
            Column("prediction", INTEGER, "predicted class index; null for segmentation"),
            Column("confidence", REAL, "softmax probability of the prediction (0-1); null for segmentation"),
            Column("confusion", COUNTS, "segmentation: pixel counts [target * classes + prediction]; else null"),
        ),
    ),
    Table(
        "profile",
        "One row a dataset and variant: what the network costs.",
        (
            _key("dataset", TEXT, "dataset: fixes the input's shape"),
            _key("variant", TEXT, "variant"),
            _key("task", TEXT, "classification, segmentation or timeseries"),
            Column("params", INTEGER, "trainable parameters"),
            Column("macs", INTEGER, "multiply-adds of one example's forward pass as executed here"),
            Column(
                "macs_theoretical", INTEGER, "multiply-adds that the method needs in theory (hard attention: at budget)"
            ),
            Column("latency_p50_s", REAL, "median seconds of a forward pass at batch 1"),
            Column("latency_p95_s", REAL, "95th percentile of the same"),
            Column("samples_per_s", REAL, "examples a second, forward pass at the recipe's batch size"),
            Column("batch_size", INTEGER, "batch size of samples_per_s"),
            Column("activation_bytes", INTEGER, "memory of the activations kept for one example's backward pass"),
            *_HARDWARE,
            Column("torch_version", TEXT, "version of torch"),
            Column("threads", INTEGER, "CPU threads used"),
        ),
    ),
    Table(
        "means",
        "One row a task, variant and dataset: the mean over seeds.",
        (
            _key("task", TEXT, "classification, segmentation or timeseries"),
            _key("variant", TEXT, "variant"),
            _key("dataset", TEXT, "dataset"),
            Column("metric", TEXT, "metric compared"),
            Column("n_seeds", INTEGER, "runs averaged"),
            Column("n_failed", INTEGER, "runs of the cell that failed or have no value"),
            Column("mean", REAL, "mean over seeds"),
            Column("sd", REAL, "standard deviation over seeds (n - 1); null for one seed"),
            Column("ci_low", REAL, "lower end of the t interval of the mean over seeds"),
            Column("ci_high", REAL, "upper end"),
        ),
    ),
    Table(
        "ranks",
        "One row a task and variant: the mean rank over datasets (1 = best; ties share).",
        (
            _key("task", TEXT, "classification, segmentation or timeseries"),
            _key("variant", TEXT, "variant"),
            Column("mean_rank", REAL, "mean over complete datasets of the rank among variants"),
            Column("n_datasets", INTEGER, "datasets on which every variant has a value"),
        ),
    ),
    Table(
        "omnibus",
        "One row a task and test: do the variants differ at all?",
        (
            _key("task", TEXT, "classification, segmentation or timeseries"),
            _key("test", TEXT, "friedman (tie-corrected) or iman_davenport"),
            Column("statistic", REAL, "chi-square or F"),
            Column("df1", REAL, "degrees of freedom"),
            Column("df2", REAL, "second degrees of freedom; null for chi-square"),
            Column("p", REAL, "p-value; null where the test cannot be computed"),
            Column("n_datasets", INTEGER, "datasets on which every variant has a value"),
            Column("k", INTEGER, "variants"),
        ),
    ),
    Table(
        "pairwise",
        "One row a task and ordered pair of variants: effect sizes, intervals, tests and the verdict.",
        (
            *_VARIANT_PAIR,
            Column("metric", TEXT, "metric compared"),
            Column("family", TEXT, "primary (against the control) or secondary (all other pairs)"),
            Column("n_datasets", INTEGER, "datasets on which both variants have a value"),
            Column("n_missing", INTEGER, "datasets of the task on which one of them has none"),
            Column("wins", INTEGER, "datasets on which a is better"),
            Column("ties", INTEGER, "datasets on which they are equal to 12 digits"),
            Column("losses", INTEGER, "datasets on which b is better"),
            Column("mean_diff", REAL, "mean over datasets of a - b (metric units; positive: a is better)"),
            Column("mean_diff_ci_low", REAL, "lower end of the two-level bootstrap interval (datasets, then seeds)"),
            Column("mean_diff_ci_high", REAL, "upper end"),
            Column("hodges_lehmann", REAL, "median of the pairwise averages of the differences"),
            Column("rank_biserial", REAL, "matched-pairs rank-biserial correlation (-1 to 1)"),
            Column("prob_a_better", REAL, "share of datasets won, ties as half"),
            Column("cliffs_delta", REAL, "Cliff's delta over seeds, averaged over datasets (-1 to 1)"),
            Column(
                "p_wilcoxon", REAL, "two-sided Wilcoxon signed-rank p, Pratt zeros; null without a non-zero difference"
            ),
            Column("p_holm", REAL, "p_wilcoxon, Holm-adjusted within its task and family"),
            Column("p_permutation", REAL, "two-sided sign-flip permutation p of the mean difference (sensitivity)"),
            Column("p_floor", REAL, "the least Holm-adjusted p that this number of datasets could ever give"),
            Column("significant", FLAG, "p_holm < alpha"),
            Column("verdict", TEXT, "superior, inferior, equivalent or inconclusive, of a against b"),
            Column("reason", TEXT, "why the verdict is what it is, and what would be needed"),
        ),
    ),
)
TABLES: dict[str, Table] = {table.name: table for table in _TABLES}
