"""An interrupted run ends with the numbers of one that was never interrupted: bit by bit, on a CPU."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
import yaml

from dynconv import records
from dynconv.engine import checkpoint
from dynconv.engine.optim import Schedule, build_optimizer
from dynconv.engine.run import train_run
from dynconv.engine.strategy import Single
from dynconv.models import build
from dynconv.stopping import STOPPED, Stop, Stopped
from dynconv.study import Recipe, RunKey


def numbers(folder):
    metrics = records.read("metrics", folder / "metrics.parquet").to_pylist()
    return metrics, records.read("predictions", folder / "predictions.parquet").to_pylist()


# odconv: its temperature is no part of the state_dict; hard_attention: its noise comes from the generator's state.
@pytest.mark.parametrize("variant", ["odconv", "hard_attention"])
def test_killed_twice_and_resumed_is_bitwise_the_same(make_study, store, tmp_path, variant):
    study = make_study(epochs=6, temperature_epochs=6, checkpoint_every_s=0, optimizer="adam", lr=0.003)
    key = RunKey("ucr/GunPoint", variant, 0)
    train_run(study, key, tmp_path / "whole", store, device_name="cpu", threads=1, toy=True, say=lambda line: None)

    file = tmp_path / "tiny.yaml"
    file.write_text(yaml.safe_dump(study.model_dump(mode="json")))
    out = tmp_path / "cut"
    command = [sys.executable, "-m", "dynconv.cli", "train", "--study", file, "--dataset", key.dataset, "--variant"]
    command += [variant, "--seed", "0", "--out", out, "--data", store, "--device", "cpu", "--threads", "1", "--toy"]
    command = [str(word) for word in command]
    kills = 0
    seen = None
    while kills < 2:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        while process.poll() is None:  # let it get on by at least one checkpoint, then end it without warning
            try:
                stamp = (out / "checkpoint.pt").stat().st_mtime_ns
            except FileNotFoundError:
                stamp = seen
            if stamp != seen:
                process.send_signal(signal.SIGKILL)
                process.wait()
                seen, kills = stamp, kills + 1
                break
            time.sleep(0.002)
        else:
            pytest.fail("the run ended before it could be killed")
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "resuming after step" in said
    assert numbers(out) == numbers(tmp_path / "whole")


class After(Stop):
    """SIGUSR2 is there when training looks for the `looks`-th time."""

    def __init__(self, looks):
        self.looks = looks

    @property
    def asked(self):
        self.looks -= 1
        return signal.SIGUSR2 if self.looks < 0 else None


@pytest.mark.parametrize("variant", ["odconv", "hard_attention"])
def test_stopped_after_any_step_and_continued_is_bitwise_the_same(make_study, store, tmp_path, variant):
    study = make_study(epochs=3, temperature_epochs=3, checkpoint_every_s=600, optimizer="adam", lr=0.003)
    key = RunKey("ucr/GunPoint", variant, 0)
    said = []
    options = {"device_name": "cpu", "threads": 1, "toy": True, "say": said.append}
    row = train_run(study, key, tmp_path / "whole", store, **options)
    assert row["steps"] == 6
    out, failures, done = tmp_path / "cut", tmp_path / "failures", 0
    path = out / "checkpoint.pt"
    for steps in (0, 2, 0, 1, 2):  # before the first step, between epochs of two steps, within one
        with pytest.raises(Stopped) as stopped:
            train_run(study, key, out, store, failures=failures, stop=After(steps), **options)
        assert said[-1] == (f"resuming after step {done} of {path}" if done else "starting from scratch")
        done += steps
        then = f"continues from {path}" if done else "begins anew"
        assert str(stopped.value) == f"stopped after step {done} on SIGUSR2: the next start {then}"
        assert not failures.exists() and not list(out.glob("*.parquet"))
    again = train_run(study, key, out, store, stop=After(row["steps"] - done), **options)  # asked after the last step
    assert numbers(out) == numbers(tmp_path / "whole") and again["steps"] == row["steps"] and not path.exists()


def test_a_poisoned_state_is_not_saved_when_stopped(make_study, store, tmp_path):
    study = make_study(lr=1e30, optimizer="sgd", schedule="constant", checkpoint_every_s=600, batch_size=2)
    with pytest.raises(Stopped, match="stopped after step 2 on SIGUSR2: the next start begins anew"):
        key = RunKey("ucr/GunPoint", "vanilla", 0)
        train_run(study, key, tmp_path, store, device_name="cpu", threads=1, toy=True, stop=After(2))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("number", [signal.SIGUSR2, signal.SIGTERM])
def test_a_signal_stops_the_command_in_good_order(make_study, store, tmp_path, number):
    study = make_study(epochs=1000, checkpoint_every_s=0, on_failure="record")
    (tmp_path / "tiny.yaml").write_text(yaml.safe_dump(study.model_dump(mode="json")))
    out = tmp_path / "out"
    command = [sys.executable, "-m", "dynconv.cli", "train", "--study", tmp_path / "tiny.yaml", "--dataset", "digits"]
    command += ["--variant", "vanilla", "--seed", "0", "--out", out, "--data", store, "--failures", tmp_path / "f"]
    command = [*map(str, command), "--device", "cpu", "--threads", "1", "--toy"]
    # As in a pack: SIGUSR2 is ignored until the program takes it.
    command = ["bash", "-c", 'trap "" USR2; exec "$@"', "bash", *command]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        while not (out / "checkpoint.pt").exists() and process.poll() is None:
            time.sleep(0.005)
        process.send_signal(number)
        process.send_signal(number)
        said, wrong = process.communicate()
    assert process.returncode == STOPPED and not wrong
    assert said.splitlines()[-1].endswith(f" on {number.name}: the next start continues from {out / 'checkpoint.pt'}")
    assert not (tmp_path / "f").exists() and [file.name for file in out.iterdir()] == ["checkpoint.pt"]


def state_of(seed=0):
    recipe = Recipe(optimizer="adam", lr=0.01)
    torch.manual_seed(seed)
    model = build("odconv", ndim=1, in_channels=1, num_classes=2, width=0.125)
    strategy = Single(torch.device("cpu"), recipe)
    return checkpoint.State(model, build_optimizer(model, recipe), Schedule(recipe, 3), strategy.scaler)


def test_checkpoints_of_others_and_torn_ones_are_not_used(tmp_path):
    path, cpu = tmp_path / "checkpoint.pt", torch.device("cpu")
    state = state_of()
    assert checkpoint.load(path, state, "mine", cpu) == "starting from scratch"
    state.step = 7
    checkpoint.save(path, state, "mine")
    other = state_of(1)
    assert "belongs to another recipe" in checkpoint.load(path, other, "yours", cpu) and other.step == 0
    assert "resuming after step 7" in checkpoint.load(path, other, "mine", cpu) and other.step == 7
    for a, b in zip(state.model.state_dict().values(), other.model.state_dict().values(), strict=True):
        assert torch.equal(a, b)
    path.write_bytes(path.read_bytes()[:-200])
    torn = state_of(2)
    assert "not a readable checkpoint" in checkpoint.load(path, torn, "mine", cpu) and torn.step == 0


def test_the_temperature_is_kept_though_the_state_dict_has_none(tmp_path):
    state = state_of()
    for module in state.model.modules():
        if hasattr(module, "temperature"):
            module.temperature.fill_(17.5)
    checkpoint.save(tmp_path / "c.pt", state, "mine")
    assert not any("temperature" in name for name in state.model.state_dict())
    fresh = state_of()
    checkpoint.load(tmp_path / "c.pt", fresh, "mine", torch.device("cpu"))
    kept = {float(module.temperature) for module in fresh.model.modules() if hasattr(module, "temperature")}
    assert kept == {17.5}


def test_a_full_disk_in_the_middle_of_a_checkpoint_leaves_the_last_one(tmp_path):
    # A limit on the size of files stands in for a full disk.
    code = f"""
import resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
sys.path.insert(0, {str(Path(__file__).parent)!r})
from pathlib import Path
from test_resume import checkpoint, state_of
path, state = Path({str(tmp_path / "checkpoint.pt")!r}), state_of()
state.step = 1
checkpoint.save(path, state, "mine")
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
state.step = 2
try:
    checkpoint.save(path, state, "mine")
except Exception as error:
    print(type(error).__name__, error)
"""
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.startswith("DynconvError ") and "cannot write" in said
    state = state_of()
    assert "resuming after step 1" in checkpoint.load(tmp_path / "checkpoint.pt", state, "mine", torch.device("cpu"))
    assert [file.name for file in tmp_path.iterdir()] == ["checkpoint.pt"]
