"""What the profile measures of a network, and on what: columns of the `profile` table."""

from dynconv.table import INTEGER, REAL, TEXT, Column

INFERENCE = (  # a forward pass in evaluation, not compiled
    Column("latency_p50_s", REAL, "median seconds of a forward pass at batch 1"),
    Column("latency_p95_s", REAL, "95th percentile of the same; null below 20 repeats"),
    Column("latency_repeats", INTEGER, "repeats timed for both"),
    Column(
        "batch_size", INTEGER, "examples of the forward pass timed next: training's first batch, or what of it fits"
    ),
    Column("samples_per_s", REAL, "examples a second of that forward pass, median"),
    Column("samples_per_s_q25", REAL, "lower quartile over its repeats"),
    Column("samples_per_s_q75", REAL, "upper quartile"),
    Column("forward_memory_bytes", INTEGER, "most memory allocated in it at one time: network, batch, activations"),
)
TRAINING_STEP = (  # forward, backward, optimiser; null where not even one example at a time fits in the GPU's memory
    Column("train_batch_size", INTEGER, "examples of a training step, in one process"),
    Column("accumulate", INTEGER, "its micro-batches: the recipe's, or more where the GPU's memory was too small"),
    Column("train_samples_per_s", REAL, "examples a second of a training step, data at hand, median"),
    Column("train_samples_per_s_q25", REAL, "lower quartile over its repeats"),
    Column("train_samples_per_s_q75", REAL, "upper quartile"),
    Column(
        "train_memory_bytes",
        INTEGER,
        "most memory that torch's allocator (CPU or GPU) gave out at one time in training steps: network, gradients,"
        " optimiser, batch, activations, workspaces",
    ),
    Column("activation_bytes", INTEGER, "of them, activations kept for the backward pass, an example"),
)
DEVICE = (  # what else a time depends on
    Column("cpu", TEXT, "name of the processor, with a GPU, too"),
    Column("device_memory_bytes", INTEGER, "memory of the GPU; null on a CPU"),
    Column("driver_version", TEXT, "version of the GPU's driver; null on a CPU"),
    Column("tf32", TEXT, "what a GPU may round from fp32 to TF32: conv, matmul or none; null on a CPU"),
)
