"""An interrupted run ends with the numbers of one that was never interrupted: bit by bit, on a CPU."""

import signal
import subprocess
import time

import pytest
from commands import command
from fits import After

from dynconv import records
from dynconv.engine.run import train_run
from dynconv.stopping import STOPPED, Stopped
from dynconv.study import RunKey


def numbers(folder):
    metrics = records.read("metrics", folder / "metrics.parquet").to_pylist()
    return metrics, records.read("predictions", folder / "predictions.parquet").to_pylist()


# odconv: its temperature is no part of the state_dict; hard_attention: its noise comes from the generator's state.
@pytest.mark.parametrize("variant", ["odconv", "hard_attention"])
def test_killed_twice_and_resumed_is_bitwise_the_same(make_study, store, tmp_path, variant):
    study = make_study(epochs=6, temperature_epochs=6, checkpoint_every_s=0, optimizer="adam", lr=0.003)
    key = RunKey("ucr/GunPoint", variant, 0)
    train_run(study, key, tmp_path / "whole", store, device_name="cpu", threads=1, toy=True, say=lambda line: None)

    out = tmp_path / "cut"
    words = command(study, tmp_path, out, store, variant=variant)
    kills = 0
    seen = None
    while kills < 2:
        process = subprocess.Popen(words, stdout=subprocess.DEVNULL)
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
    said = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    assert "resuming after step" in said
    assert numbers(out) == numbers(tmp_path / "whole")


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
        begun = [line for line in said if not line.startswith("epoch")]
        assert begun[-1] == (f"resuming after step {done} of {path}" if done else "starting from scratch")
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
    out = tmp_path / "out"
    words = command(study, tmp_path, out, store, "--failures", tmp_path / "f", dataset="digits")
    # As in a pack: SIGUSR2 is ignored until the program takes it.
    words = ["bash", "-c", 'trap "" USR2; exec "$@"', "bash", *words]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        while not (out / "checkpoint.pt").exists() and process.poll() is None:
            time.sleep(0.005)
        process.send_signal(number)
        process.send_signal(number)
        said, wrong = process.communicate()
    assert process.returncode == STOPPED and not wrong
    assert said.splitlines()[-1].endswith(f" on {number.name}: the next start continues from {out / 'checkpoint.pt'}")
    assert not (tmp_path / "f").exists()
    assert {file.name for file in out.iterdir()} <= {"checkpoint.pt", "checkpoint.previous.pt"}
