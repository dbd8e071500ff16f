"""The tables: their columns, types and one line of documentation each.  The data dictionary is `TABLES`."""

from dynconv.comparison_tables import COMPARISONS
from dynconv.profile_columns import DEVICE, INFERENCE, TRAINING_STEP
from dynconv.table import BYTES, COUNTS, FLAG, INTEGER, REAL, TEXT, TEXTS, TIME, Column, Table, key

_RUN_KEYS = (
    key("run_id", TEXT, "dataset/variant/seed<k>: names the run"),
    key("dataset", TEXT, "dataset of the run"),
    key("variant", TEXT, "variant of the run"),
    key("seed", INTEGER, "seed: fixes initialisation, order and augmentation"),
)
_HARDWARE = (
    Column("device", TEXT, "name of the processor or GPU that was timed"),
    Column("hostname", TEXT, "machine"),
)
_CODE = (
    Column("git_sha", TEXT, "commit of the code; null outside a git checkout"),
    Column("git_dirty", FLAG, "uncommitted changes in the checkout"),
)

METRICS = (
    Column("accuracy", REAL, "share of correct top-1 predictions after the last epoch (0-1)"),
    Column("accuracy_top5", REAL, "share of targets among the five highest logits (0-1)"),
    Column("balanced_accuracy", REAL, "mean of the per-class recalls over classes present (0-1)"),
    Column("miou", REAL, "mean over classes of intersection over union, from summed confusion counts (0-1)"),
    Column("pixel_accuracy", REAL, "share of non-void pixels predicted correctly (0-1)"),
    Column("loss", REAL, "mean cross-entropy (nats), without label smoothing"),
    Column("executed_fraction", REAL, "hard attention: share of maskable MACs that the masks keep (0-1)"),
)

_TRAINING = (  # what it did and cost, and where
    Column("epochs", INTEGER, "epochs trained"),
    Column("steps", INTEGER, "optimiser steps"),
    Column(
        "accumulate",
        INTEGER,
        "micro-batches a step: the recipe's, or more where the GPU's memory was too small",
    ),
    Column("train_s", REAL, "wall-clock seconds of training, interruptions excluded"),
    Column("diagnostics_s", REAL, "wall-clock seconds of diagnostics, which are not in train_s"),
    Column("data_wait_s", REAL, "of train_s, until batches were there (leading process)"),
    Column("samples_per_s", REAL, "training examples a second, all processes together"),
    Column("peak_memory_bytes", INTEGER, "most memory allocated: on a GPU, else resident set of a process"),
    Column("energy_j", REAL, "energy of all GPUs during training (joule); null where not measurable"),
    Column("strategy", TEXT, "single, ddp or deepspeed"),
    Column("zero_stage", INTEGER, "deepspeed: what ZeRO cuts into parts, 0 to 3; else null"),
    Column("world_size", INTEGER, "processes that trained together"),
    Column("precision", TEXT, "fp32, bf16 or fp16, as used"),
    *_HARDWARE,
    Column("slurm_job_id", TEXT, "Slurm job; null outside Slurm"),
    Column("queue_s", REAL, "seconds that its job waited in the queue before the last attempt; null where not known"),
    *_CODE,
)
_ORIGIN = (
    Column("dataset_hash", TEXT, "digest of the dataset's arrays"),
    Column("dynconv_version", TEXT, "version of this package"),
    Column("python_version", TEXT, "version of Python"),
    Column("torch_version", TEXT, "version of torch"),
    Column("cuda_version", TEXT, "version of CUDA that torch was built with; null on CPU"),
    Column("started_at", TIME, "start of the last attempt (UTC)"),
    Column("finished_at", TIME, "end (UTC)"),
)

_TABLES = (
    Table(
        "runs",
        "One row a run, failed ones included; its metrics are those of the test split.",
        (
            key("run_id", TEXT, "dataset/variant/seed<k>: names the run"),
            key("task", TEXT, "classification, segmentation or timeseries"),
            *_RUN_KEYS[1:],
            key("status", TEXT, "ok or failed"),
            Column("failure", TEXT, "cause of a failed run, one line; null when ok"),
            Column("attempt", INTEGER, "which attempt this row is from, counted from 1"),
            *METRICS,
            Column("params", INTEGER, "trainable parameters"),
            Column("macs", INTEGER, "multiply-adds of one example's forward pass as executed here"),
            Column("macs_theoretical", INTEGER, "multiply-adds that the method needs in theory, masks as measured"),
            *_TRAINING,
            Column("pretrained", TEXT, "what the weights were trained on before; null: from scratch, as `train` does"),
            Column("study", TEXT, "name of the study"),
            Column("study_hash", TEXT, "digest of the whole study"),
            Column("plan_hash", TEXT, "digest of the analysis plan as it stood when the run was made"),
            Column("run_hash", TEXT, "digest of recipe, variant and options: what fixes the numbers"),
            *_ORIGIN,
        ),
    ),
    Table(
        "metrics",
        "One row a run, split, epoch and metric: the learning curves.",
        (
            *_RUN_KEYS,
            key("split", TEXT, "train or test"),
            key("epoch", INTEGER, "epochs completed"),
            key("step", INTEGER, "optimiser steps completed"),
            key("metric", TEXT, "name of the metric"),
            Column("value", REAL, "its value"),
        ),
    ),
    Table(
        "diagnostics",
        "One row a run, epoch, layer and quantity: what the layers of the residual branches do (docs/diagnostics.md).",
        (
            *_RUN_KEYS,
            key("epoch", INTEGER, "epochs completed; not every epoch is looked at"),
            key("layer", TEXT, "name of the layer in the network"),
            key("subject", TEXT, "an attention (channel, filter, spatial, kernel, gate), mixed, or parameters"),
            key("quantity", TEXT, "entropy, usage_entropy, information, effective_rank, sharpness, ...: see the docs"),
            Column("depth", INTEGER, "place of the layer among those of the table, from the input, counted from 1"),
            Column("value", REAL, "its value; null where it is not defined or not finite"),
            Column("relative", REAL, "entropies and information: over the largest possible (0-1); else null"),
            Column("examples", INTEGER, "how many were looked at: M of the docs, which bounds what compares them"),
        ),
    ),
    Table(
        "predictions",
        "One row a run and test example.",
        (
            *_RUN_KEYS,
            key("example_id", INTEGER, "index in the test split"),
            Column("target", INTEGER, "class index; null for segmentation"),
            Column("prediction", INTEGER, "predicted class index; null for segmentation"),
            Column("confidence", REAL, "softmax probability of the prediction (0-1); null for segmentation"),
            Column("confusion", COUNTS, "segmentation: pixel counts [target * classes + prediction]; else null"),
        ),
    ),
    Table(
        "masks",
        "One row a run, shown test example and kind: what the network made of it, to look at (docs/report.md).",
        (
            *_RUN_KEYS,
            key("example_id", INTEGER, "index in the test split"),
            key(
                "kind", TEXT, "mask: predicted class of each pixel; executed: residual blocks computed at each position"
            ),
            Column("levels", INTEGER, "mask: classes; executed: residual blocks of the network"),
            Column(
                "content",
                BYTES,
                "PNG in grey, thinned: class index (255: void), or number of blocks; a series: one row",
            ),
        ),
    ),
    Table(
        "examples",
        "One row a shown test example of a dataset, chosen by the data alone: samples/<dataset>.test.parquet.",
        (
            key("dataset", TEXT, "dataset"),
            key("example_id", INTEGER, "index in the test split"),
            Column("target", INTEGER, "class index; null for segmentation"),
            Column("present", COUNTS, "segmentation: classes of the mask, the largest area first; else null"),
            Column("classes", TEXTS, "names of the dataset's classes by index"),
            Column("shape", COUNTS, "of the stored example: [channels, height, width] or [channels, length]"),
            Column("picture", TEXT, "data URI of the image, thinned; null for a series"),
            Column("mask", TEXT, "segmentation: data URI of the mask in VOC's colours; else null"),
            Column("lines", TEXTS, "series: SVG paths of its first channels in a box of 150 x 44; else null"),
            Column("toy", FLAG, "of a toy, whose accuracies mean nothing"),
            Column("dataset_hash", TEXT, "digest of the dataset's arrays"),
        ),
    ),
    Table(
        "trials",
        "One row a trial of the search, failed ones included; its metrics are those of the validation part.",
        (
            key("trial_id", TEXT, "dataset/variant/trial<k>: names the trial"),
            key("task", TEXT, "classification, segmentation or timeseries"),
            key("dataset", TEXT, "dataset whose training split was cut in two"),
            key("variant", TEXT, "variant"),
            key("trial", INTEGER, "which of the settings, the same for every variant; 0: the recipe as it stands"),
            key("status", TEXT, "ok, failed, or skipped where nothing can be cut off for validation"),
            Column("failure", TEXT, "cause of a failed or skipped trial, one line; null when ok"),
            Column("attempt", INTEGER, "which attempt this row is from, counted from 1"),
            Column("settings", TEXT, "the recipe keys that the trial sets (JSON)"),
            Column("seed", INTEGER, "of initialisation, order and augmentation; the same for all trials"),
            Column("n_train", INTEGER, "examples trained on"),
            Column("n_validation", INTEGER, "examples of the validation part"),
            *METRICS,
            *_TRAINING,
            Column("study", TEXT, "name of the study"),
            Column("study_hash", TEXT, "digest of the whole study"),
            Column("trial_hash", TEXT, "digest of recipe, variant, options and cut: what fixes the numbers"),
            *_ORIGIN,
        ),
    ),
    Table(
        "choices",
        "One row a dataset and variant that the search tuned: what it chose, why, and what it cost.",
        (
            key("task", TEXT, "classification, segmentation or timeseries"),
            key("dataset", TEXT, "dataset"),
            key("variant", TEXT, "variant"),
            Column("trial", INTEGER, "the chosen trial; 0: the recipe as it stands"),
            Column("settings", TEXT, "the recipe keys that the runs take from it (JSON)"),
            Column("reason", TEXT, "why it was chosen"),
            Column("metric", TEXT, "metric that chose, on the validation part"),
            Column("value", REAL, "its value for the chosen trial; null where no trial has one"),
            Column("untuned_value", REAL, "its value for trial 0, the recipe as it stands"),
            Column("n_validation", INTEGER, "examples of the validation part"),
            Column("n_trials", INTEGER, "trials of the search"),
            Column("n_failed", INTEGER, "of them without a value: failed or skipped"),
            Column("train_s", REAL, "wall-clock seconds of training of all trials together"),
            Column("energy_j", REAL, "energy of their GPUs (joule); null where not measurable for each of them"),
        ),
    ),
    Table(
        "profile",
        "One row a dataset and variant: what the network costs.",
        (
            key("dataset", TEXT, "dataset: fixes the input's shape"),
            key("variant", TEXT, "variant"),
            key("task", TEXT, "classification, segmentation or timeseries"),
            Column("params", INTEGER, "trainable parameters"),
            Column("macs", INTEGER, "multiply-adds of one example's forward pass as executed here"),
            Column(
                "macs_theoretical", INTEGER, "multiply-adds that the method needs in theory (hard attention: at budget)"
            ),
            Column(
                "executed_fraction", REAL, "hard attention: share kept by the masks of the timed, untrained network"
            ),
            *INFERENCE,
            *TRAINING_STEP,
            Column("precision", TEXT, "fp32, bf16 or fp16, as used"),
            Column("threads", INTEGER, "CPU threads used"),
            Column("load", REAL, "load average of the machine over the minute before: what else ran"),
            *_HARDWARE,
            *DEVICE,
            Column("run_hash", TEXT, "digest of recipe, variant and options"),
            Column("slurm_job_id", TEXT, "Slurm job; null outside Slurm"),
            *_CODE,
            *_ORIGIN,
        ),
    ),
    *COMPARISONS,
)
TABLES: dict[str, Table] = {table.name: table for table in _TABLES}
