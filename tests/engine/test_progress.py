"""What a person or a log is told while a run trains."""

import time

from dynconv.engine import progress
from dynconv.engine.progress import Progress


def test_a_log_gets_the_first_epoch_a_line_a_minute_and_the_last(monkeypatch):
    now, said = [0.0], []
    monkeypatch.setattr(time, "perf_counter", lambda: now[0])
    told = Progress(epochs=6, steps=10, samples=64, done=0, say=said.append)
    for step in range(1, 61):
        now[0] += 4.0
        told.step(step, waited=0.001)
        if step % 10 == 0:
            told.epoch(step // 10, step, {"loss": 1 / step, "lr": 0.1})
    assert [line.split()[3] for line in said] == ["10/60", "25/60", "40/60", "55/60", "60/60"]
    assert said[1] == ("epoch 3/6  step 25/60  loss 0.0500  lr 0.1  16 samples/s  1.0 ms data wait a step")


def test_a_process_that_does_not_lead_is_silent(tmp_path):
    told = Progress(epochs=1, steps=1, samples=1, done=0, say=None, board=tmp_path / "board")
    told.step(1, 0.0)
    told.epoch(1, 1, {"loss": 1.0, "lr": 0.1})
    told.close()
    assert not (tmp_path / "board").exists()


def test_a_terminal_gets_a_bar(monkeypatch, capsys):
    monkeypatch.setattr(progress.sys.stdout, "isatty", lambda: True)
    said = []
    told = Progress(epochs=2, steps=2, samples=8, done=1, say=said.append)
    assert told.bar is not None and told.bar.tasks[0].completed == 1
    told.step(2, 0.0)
    told.epoch(1, 2, {"loss": 0.5, "lr": 0.1})
    told.step(3, 0.0)
    assert told.bar.tasks[0].completed == 3 and "loss 0.5000" in told.bar.tasks[0].fields["text"]
    told.close()
