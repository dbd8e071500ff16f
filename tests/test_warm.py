"""Runs from the pack's warm process are the runs that `dynconv` makes alone, and each ends for itself."""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from checkout import ROOT

from dynconv import records
from dynconv.cli import main
from dynconv.data import staging_cache

DYNCONV = [str(Path(sys.executable).with_name("dynconv"))]
STUDY = """
name: warm
variants: [vanilla, odconv, hard_attention]
datasets: [ucr/GunPoint]
seeds: [0]
recipes:
  timeseries: {width: 0.125, epochs: 6, batch_size: 8, lr: 0.003, optimizer: adam, temperature_epochs: 6,
               checkpoint_every_s: 0}
"""
# What differs from run to run.
OWN = {"train_s", "diagnostics_s", "data_wait_s", "samples_per_s", "peak_memory_bytes", "started_at", "finished_at"}


class Warm:
    """A warm process and its clients; all are gone when the test is."""

    def __init__(self, command):
        self.folder = tempfile.mkdtemp(prefix="warm.", dir="/tmp")  # a socket's path has at most 107 bytes
        self.socket = f"{self.folder}/socket"
        self.env = os.environ | {"SNAKEMAKE_SUBMITIT_HELPER": self.socket, "OMP_NUM_THREADS": "1"}
        self.clients = []
        # As a driver starts it: nothing keeps the libraries from starting threads but the server itself.
        own = {name: value for name, value in self.env.items() if name != "OMP_NUM_THREADS"}
        self.process = subprocess.Popen(command, env=own, stdin=subprocess.PIPE)

    def start(self, *words, **options):
        words = [*DYNCONV, *map(str, words)]
        options = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | options
        self.clients.append(subprocess.Popen(words, env=self.env, text=True, **options))
        return self.clients[-1]

    def run(self, *words):
        client = self.start(*words)
        out, err = client.communicate(timeout=120)
        return client.returncode, out, err

    def close(self):
        self.process.stdin.close()
        code = self.process.wait(timeout=60)
        for client in self.clients:
            client.kill()
            client.communicate()
        shutil.rmtree(self.folder)
        return code


def until(condition):
    end = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < end, "waited for two minutes"
        time.sleep(0.005)


@pytest.fixture(scope="module")
def warm():
    server = Warm([sys.executable, str(ROOT / "tests/warm_probe.py")])
    yield server
    assert server.close() == 0


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    """A study, its data, and its runs as made by processes of their own."""
    folder = tmp_path_factory.mktemp("work")
    (folder / "study.yaml").write_text(STUDY)
    assert main(["prepare", "ucr/GunPoint", "--data", str(folder / "data"), "--toy"]) == 0
    env = {name: value for name, value in os.environ.items() if name != "SNAKEMAKE_SUBMITIT_HELPER"}
    for variant in ("odconv", "hard_attention"):
        subprocess.run([*DYNCONV, *train(folder, variant, folder / "cold" / variant)], check=True, env=env)
    return folder


def train(work, variant, out):
    words = ["train", "--study", work / "study.yaml", "--dataset", "ucr/GunPoint", "--variant", variant, "--seed", 0]
    words += ["--out", out, "--data", work / "data", "--failures", f"{out}.failures", "--device", "cpu"]
    return [str(word) for word in [*words, "--threads", 1, "--toy"]]


def assert_same(one, other):
    for name in ("metrics", "predictions"):
        a, b = (records.read(name, folder / f"{name}.parquet").to_pylist() for folder in (one, other))
        assert a == b and a
    a, b = (records.read("runs", folder / "run.parquet").to_pylist()[0] for folder in (one, other))
    assert {k: v for k, v in a.items() if k not in OWN} == {k: v for k, v in b.items() if k not in OWN}
    return a, b


def test_two_at_a_time_are_bitwise_the_runs_made_alone(warm, work, tmp_path):
    variants = ("odconv", "hard_attention")
    clients = [warm.start(*train(work, variant, tmp_path / variant)) for variant in variants]
    for variant, client in zip(variants, clients, strict=True):
        out, err = client.communicate(timeout=120)
        assert client.returncode == 0 and not err
        assert "starting from scratch" in out and f"{variant}/seed0: ok" in out and out.count("/seed0") == 1
        mine, alone = assert_same(tmp_path / variant, work / "cold" / variant)
        # The libraries that the run shares with the warm process count as its own.
        assert 0.85 < mine["peak_memory_bytes"] / alone["peak_memory_bytes"] < 1.3


def test_a_run_has_its_clients_surroundings_and_nothing_of_the_servers(warm, tmp_path):
    warm.env |= {"OMP_NUM_THREADS": "2", "MINE": "a\udcffb"}
    client = warm.start("train", "look", stdin=subprocess.PIPE, cwd=tmp_path, umask=0o027)
    warm.env |= {"OMP_NUM_THREADS": "1"}
    out, err = client.communicate("some input", timeout=120)
    found = json.loads(out)
    assert client.returncode == 0 and err == "and this is stderr\n"
    assert (found["stdin"], found["cwd"], found["umask"]) == ("some input", str(tmp_path), 0o027)
    assert found["argv"] == ["dynconv", "train", "look"] and found["env"]["MINE"] == "a\udcffb"
    assert "JE_ARROW_MALLOC_CONF" not in found["env"] and found["threads"] == 2
    assert found["threads_of_the_server"] == 1 and found["cuda"] is False
    assert len(found["open"]) == 5  # three standard streams, the connection, and the listing itself


def test_threads_are_as_asked(warm, work, tmp_path):
    words = ["--study", work / "study.yaml", "--dataset", "ucr/GunPoint", "--variant", "vanilla", "--device", "cpu"]
    words += ["--data", work / "data", "--out", tmp_path / "p.parquet", "--threads"]
    for number in (1, 2):
        code, out, _ = warm.run("profile", "threads", *words, number)
        assert (code, out) == (0, f"{number}\n")
    assert len(records.read("profile", tmp_path / "p.parquet")) == 1


def test_a_contact_sheet_is_the_same(warm, work, tmp_path):
    words = ["samples", "--study", work / "study.yaml", "--dataset", "ucr/GunPoint", "--data", work / "data", "--out"]
    assert warm.run(*words, tmp_path / "warm.svg") == (0, f"{tmp_path / 'warm.svg'}\n", "")
    assert main([str(word) for word in [*words, tmp_path / "cold.svg"]]) == 0
    assert (tmp_path / "warm.svg").read_bytes() == (tmp_path / "cold.svg").read_bytes()


def test_each_run_ends_for_itself(warm, tmp_path):
    other = warm.start("train", "wait", tmp_path / "pid")
    until((tmp_path / "pid").exists)
    assert warm.run("train", "killed")[0] == 128 + signal.SIGKILL
    code, _, err = warm.run("train", "crash")
    assert code == 1 and err.splitlines()[-1] == "RuntimeError: a bug"
    assert warm.run("train", "code", 75)[0] == 75
    code, _, err = warm.run("train", "--study", "no.yaml")
    assert code == 2 and "the following arguments are required" in err
    assert other.poll() is None
    other.send_signal(signal.SIGTERM)
    assert other.wait(timeout=60) == 128 + signal.SIGTERM


def test_a_run_ends_with_its_client(warm, tmp_path):
    client = warm.start("train", "wait", tmp_path / "pid")
    until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text())
    client.kill()
    run = Path("/proc", (tmp_path / "pid").read_text())
    assert str(warm.process.pid) != run.name
    until(lambda: not run.exists())


def test_signals_stop_a_warm_run_in_good_order(warm, work, tmp_path):
    out = tmp_path / "cut"
    for number in (signal.SIGUSR2, signal.SIGTERM):
        client = warm.start(*train(work, "hard_attention", out))
        assert client.stdout.readline().startswith("resuming" if number == signal.SIGTERM else "starting")
        until(lambda: (out / "checkpoint.pt").exists())
        client.send_signal(number)
        said, err = client.communicate(timeout=120)
        assert client.returncode == 75 and not err
        assert f"on {number.name}: the next start continues from {out}/checkpoint.pt" in said
        assert not Path(f"{out}.failures").exists() and not (out / "run.parquet").exists()
    code, said, _ = warm.run(*train(work, "hard_attention", out))
    assert code == 0 and "resuming after step" in said
    assert_same(out, work / "cold/hard_attention")


def test_a_warm_run_stages_its_data_and_holds_them_no_longer_than_it_lives(warm, work, tmp_path):
    warm.env["DYNCONV_SCRATCH"] = str(tmp_path)
    try:
        code, said, _ = warm.run(*train(work, "hard_attention", tmp_path / "run"))
    finally:
        del warm.env["DYNCONV_SCRATCH"]
    cache = tmp_path / f"dynconv-{os.getuid()}"
    assert code == 0 and f"copied from {work}/data/ucr/GunPoint to {cache}/" in said
    assert_same(tmp_path / "run", work / "cold/hard_attention")
    with staging_cache.idle(cache) as unread:  # the server that it was forked from still runs
        assert len(unread) == 1


def test_a_run_goes_on_when_the_warm_process_is_killed(work, tmp_path):
    server = Warm([*DYNCONV, "warm"])
    try:
        out = tmp_path / "run"
        client = server.start(*train(work, "odconv", out))
        until(lambda: (out / "checkpoint.pt").exists())
        server.process.kill()
        said, err = client.communicate(timeout=120)
        assert client.returncode == 0 and "resuming after step" in said and not err
        assert_same(out, work / "cold/odconv")
        code, _, err = server.run("train", "--study", "no.yaml")  # nobody listens any more
        assert code == 2 and "required: --dataset" in err
    finally:
        server.close()


def test_other_talk_is_not_answered(warm):
    for content in (b"", b"GET / HTTP/1.1\r\n\r\n", b"\0\0\0\2{}"):
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(warm.socket)
            connection.sendall(content)
            connection.shutdown(socket.SHUT_WR)
            with contextlib.suppress(ConnectionResetError):
                assert connection.recv(1) == b""
    assert warm.run("train", "code", 5)[0] == 5


def test_a_socket_must_be_private_and_new(capsys, monkeypatch, tmp_path):
    monkeypatch.delenv("SNAKEMAKE_SUBMITIT_HELPER", raising=False)
    assert main(["warm"]) == 2 and "SNAKEMAKE_SUBMITIT_HELPER is not set" in capsys.readouterr().err
    with tempfile.TemporaryDirectory(prefix="warm.", dir="/tmp") as folder:
        monkeypatch.setenv("SNAKEMAKE_SUBMITIT_HELPER", f"{folder}/socket")
        Path(folder).chmod(0o770)
        assert main(["warm"]) == 2 and "others may write here" in capsys.readouterr().err
        Path(folder).chmod(0o700)
        Path(folder, "socket").touch()
        assert main(["warm"]) == 2 and "cannot listen here: File exists" in capsys.readouterr().err


def test_a_client_imports_nothing_slow():
    code = "import sys, dynconv.entry, dynconv.warm_client as _; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "socket" in loaded and not {"torch", "numpy", "pydantic", "argparse", "asyncio", "subprocess"} & set(loaded)


def test_a_trial_runs_warm_as_well_and_is_bitwise_the_same(warm, work, tmp_path):
    (tmp_path / "study.yaml").write_text(STUDY + "tune: {search: grid, keys: {lr: [0.01]}, recipe: {epochs: 2}}\n")
    words = ["tune", "--study", tmp_path / "study.yaml", "--dataset", "ucr/GunPoint", "--variant", "odconv"]
    words += ["--trial", 1, "--data", work / "data", "--device", "cpu", "--threads", 1, "--toy", "--out"]
    env = {name: value for name, value in os.environ.items() if name != "SNAKEMAKE_SUBMITIT_HELPER"}
    subprocess.run([*DYNCONV, *map(str, words), tmp_path / "cold"], check=True, env=env)
    code, out, err = warm.run(*words, tmp_path / "warm")
    assert code == 0 and not err and "odconv/trial1: ok  validation accuracy" in out
    rows = [records.read("trials", tmp_path / name / "trial.parquet").to_pylist()[0] for name in ("cold", "warm")]
    one, other = ({name: value for name, value in row.items() if name not in OWN} for row in rows)
    assert one == other and one["loss"] is not None
