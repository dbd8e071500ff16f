"""What only a GPU can show: `pytest -m cuda`.  Skipped where there is none."""

import time

import pytest
import torch
from ranks import in_ranks

from dynconv import records
from dynconv.engine import energy
from dynconv.engine.diagnostics import schedule
from dynconv.engine.profile import profile
from dynconv.engine.run import train_run
from dynconv.study import RunKey

pytestmark = [
    pytest.mark.cuda,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU"),
]
VARIANTS = ("vanilla", "hard_attention", "soft_local", "soft_global", "odconv")
DATASETS = ("digits", "ucr/GunPoint", "shapes_voc")


def run(study, store, out, dataset, variant, said=None, **options):
    said = [] if said is None else said
    options = {"device_name": "cuda", "toy": True, "say": said.append} | options
    return train_run(study, RunKey(dataset, variant, 0), out, store, **options)


@pytest.mark.parametrize("dataset", DATASETS)
@pytest.mark.parametrize("variant", VARIANTS)
def test_every_variant_and_task_trains(make_study, store, tmp_path, dataset, variant):
    row = run(make_study(VARIANTS), store, tmp_path, dataset, variant)
    kept = records.read("runs", tmp_path / "run.parquet").to_pylist()[0]
    assert kept["status"] == "ok" and kept["device"] == torch.cuda.get_device_name()
    assert kept["precision"] == ("bf16" if torch.cuda.is_bf16_supported() else "fp32")
    assert row["peak_memory_bytes"] > 0


@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16"])
@pytest.mark.parametrize("channels_last", [True, False])
def test_precisions_and_layouts_agree(make_study, store, tmp_path, precision, channels_last):
    keys = {"lr": 1e-4, "epochs": 1}
    cpu = run(make_study(**keys, precision="fp32"), store, tmp_path / "cpu", "digits", "odconv", device_name="cpu")
    gpu = run(
        make_study(**keys, precision=precision, channels_last=channels_last),
        store,
        tmp_path / "gpu",
        "digits",
        "odconv",
    )
    assert gpu["precision"] == precision
    assert abs(gpu["loss"] - cpu["loss"]) < (1e-3 if precision == "fp32" else 5e-2)


@pytest.mark.parametrize("variant", VARIANTS)
def test_compiled(make_study, store, tmp_path, variant):
    keys = {"lr": 1e-4, "precision": "fp32", "drop_last": True}
    plain = run(make_study(VARIANTS, **keys), store, tmp_path / "plain", "digits", variant)
    fast = run(make_study(VARIANTS, **keys, compile=True), store, tmp_path / "fast", "digits", variant)
    assert abs(plain["loss"] - fast["loss"]) < 1e-2


def test_diagnostics_are_those_of_the_cpu(make_study, store, tmp_path, monkeypatch):
    monkeypatch.setattr(schedule, "STEPS", 1)
    cpu, gpu = tmp_path / "cpu", tmp_path / "gpu"
    run(make_study(lr=1e-5, epochs=1), store, cpu, "digits", "odconv", device_name="cpu")
    row = run(make_study(lr=1e-5, epochs=1), store, gpu, "digits", "odconv")  # in bf16, channels_last
    assert row["diagnostics_s"] > 0
    one, other = (records.read("diagnostics", out / "diagnostics.parquet").to_pandas() for out in (cpu, gpu))
    assert len(one) == len(other) and one["layer"].equals(other["layer"]) and one["quantity"].equals(other["quantity"])
    entropies = one["quantity"] == "entropy"
    assert (one["value"] - other["value"])[entropies].abs().max() < 0.02


@pytest.mark.parametrize("name", ["ddp", "deepspeed"])
@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16"])
def test_nccl_with_one_process(make_study, store, tmp_path, name, precision):
    study = make_study(lr=1e-4, precision=precision, zero_stage=2)
    alone = run(study, store, tmp_path / "alone", "digits", "odconv")
    if name == "deepspeed" and precision == "fp16":
        study = make_study(lr=1e-4, precision=precision, zero_stage=0)
    # In a process of its own: DeepSpeed remembers groups that are over.
    many, *_ = in_ranks(1, run, study, store, tmp_path / "many", "digits", "odconv", strategy_name=name)
    assert many["strategy"] == name and abs(many["loss"] - alone["loss"]) < 5e-2


def test_a_real_lack_of_memory_is_met_with_smaller_micro_batches(make_study, store, tmp_path):
    study = make_study(batch_size=32, epochs=1, width=4.0, precision="fp32")
    said = []
    probe = run(study, store, tmp_path / "probe", "shapes_voc", "vanilla")
    total = torch.cuda.get_device_properties(0).total_memory
    torch.cuda.set_per_process_memory_fraction(0.6 * probe["peak_memory_bytes"] / total)
    try:
        torch.cuda.empty_cache()
        row = run(study, store, tmp_path / "tight", "shapes_voc", "vanilla", said)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert row["status"] == "ok" and row["accumulate"] > 1
    assert any("out of GPU memory" in line for line in said)


def test_energy_is_that_of_the_gpu():
    meter = energy.Meter(torch.device("cuda", 0))
    x = torch.randn(4096, 4096, device="cuda")
    until = time.monotonic() + 2
    while time.monotonic() < until:
        x = (x @ x).tanh()
        torch.cuda.synchronize()
    joules = meter.joules()
    assert joules is not None and 10 < joules < 3000  # 2 s of 5 to 1500 W


def test_a_profile_knows_its_gpu_and_its_memory(make_study, store):
    study = make_study(batch_size=32, width=2.0, precision="fp32")
    first, again = (profile(study, "shapes_voc", "odconv", store, "cuda", 1) for _ in range(2))
    assert first["device"] == torch.cuda.get_device_name() and first["cpu"].endswith("(CPU)")
    assert first["tf32"] == "conv" and first["device_memory_bytes"] > 0
    assert first["train_memory_bytes"] == pytest.approx(again["train_memory_bytes"], rel=0.02)
    assert first["train_memory_bytes"] > first["activation_bytes"] * first["train_batch_size"]
    total = torch.cuda.get_device_properties(0).total_memory
    torch.cuda.set_per_process_memory_fraction(0.6 * first["train_memory_bytes"] / total)
    try:
        torch.cuda.empty_cache()
        tight = profile(study, "shapes_voc", "odconv", store, "cuda", 1)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert tight["accumulate"] > 1 and tight["train_batch_size"] == first["train_batch_size"]
