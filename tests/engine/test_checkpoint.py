"""Checkpoint files: kept whole, refused when they are not this run's, and the one before is there for that case."""

import pickle
import random
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from dynconv.engine.checkpoint import Checkpoints, fill
from dynconv.engine.single import Single
from dynconv.engine.state import State
from dynconv.engine.world import World
from dynconv.models import build
from dynconv.plan_disk import bytes_of_a_checkpoint
from dynconv.study import Recipe


def begin(seed=0):
    """A network, its strategy after two steps, and its state."""
    recipe = Recipe(optimizer="adam", lr=0.01, ema_decay=0.9)
    torch.manual_seed(seed)
    model = build("odconv", ndim=1, in_channels=1, num_classes=2, width=0.125)
    strategy = Single(World(), torch.device("cpu"), recipe)
    strategy.attach(model, 1, None)
    state = State(recipe, 3)
    for step in (1, 2):
        strategy.backward(model(torch.randn(4, 1, 16)).square().sum())
        strategy.step(0.01)
        state.average.update(strategy.parameters(), model, step)
    return strategy, state


def save(folder, step, seed=0, identity="mine"):
    strategy, state = begin(seed)
    state.step = step
    Checkpoints(folder, identity).save(state, strategy)
    return strategy, state


def test_its_size_is_the_one_that_the_plan_tells(tmp_path):
    strategy, _ = save(tmp_path, 2)
    params = sum(p.numel() for p in strategy.module.parameters())
    told = bytes_of_a_checkpoint(params, Recipe(optimizer="adam", ema_decay=0.9))
    names = 4 * 1024 * len(list(strategy.module.named_parameters()))  # in a network this narrow they count
    assert told < (tmp_path / "checkpoint.pt").stat().st_size < told + names


def test_everything_comes_back_the_temperature_included(tmp_path):
    strategy, state = begin()
    for module in strategy.module.modules():
        if hasattr(module, "temperature"):
            module.temperature.fill_(17.5)
    assert not any("temperature" in name for name in strategy.module.state_dict())
    state.step, state.metrics, state.sums = 7, [{"value": 0.5}], [torch.ones(3)]
    files = Checkpoints(tmp_path, "mine")
    files.save(state, strategy)
    content, said = files.load(World())
    assert said == [f"resuming after step 7 of {files.path}"]
    fresh, fresh_state = begin(1)
    fill(fresh.module, content)
    fresh.attach(fresh.module, 1, content["optimizer"])
    fresh_state.restore(content["state"], torch.device("cpu"))
    assert fresh_state.step == 7 and fresh_state.metrics == [{"value": 0.5}] and fresh_state.sums[0].tolist() == [1] * 3
    for (name, a), (other, b) in zip(strategy.module.named_buffers(), fresh.module.named_buffers(), strict=True):
        assert name == other and torch.equal(a, b)
    for name, value in strategy.parameters().items():
        assert torch.equal(value, fresh.parameters()[name])
        assert torch.equal(state.average.values[name], fresh_state.average.values[name])
    old, new = strategy.optimizer_state(), fresh.optimizer_state()
    assert old["steps"] == new["steps"] == 2 and old["slots"].keys() == new["slots"].keys() == {"exp_avg", "exp_avg_sq"}
    for slot, tensors in old["slots"].items():
        assert all(torch.equal(tensors[name], new["slots"][slot][name]) for name in tensors)
    x = torch.randn(4, 1, 16)
    for each in (strategy, fresh):
        each.backward(each.module(x).square().sum())
        each.step(0.01)
    assert all(torch.equal(value, fresh.parameters()[name]) for name, value in strategy.parameters().items())


def test_another_runs_checkpoint_is_refused(tmp_path):
    assert Checkpoints(tmp_path, "mine").load(World()) == (None, ["starting from scratch"])
    save(tmp_path, 7)
    content, said = Checkpoints(tmp_path, "yours").load(World())
    assert content is None and said == [
        f"{tmp_path}/checkpoint.pt is refused: it belongs to another recipe, dataset, seed or version of the code",
        "starting from scratch",
    ]


def damage(data, how):
    if how == "cut":
        return data[:-200]
    if how == "cut in the middle":
        return data[: len(data) // 2]
    if how == "a bit":  # inside a tensor: neither the archive's directory nor the pickle notices
        place = len(data) // 2
        return data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]
    return {"empty": b"", "foreign": b"PK\x03\x04 no archive", "text": b"hello\n" * 100}[how]


@pytest.mark.parametrize("how", ["cut", "cut in the middle", "a bit", "empty", "foreign", "text"])
def test_a_damaged_checkpoint_is_refused_and_the_previous_one_used(tmp_path, how):
    files = Checkpoints(tmp_path, "mine")
    strategy, state = begin()
    for state.step in (7, 9):
        files.save(state, strategy)
    assert files.load(World())[0]["state"]["step"] == 9
    files.path.write_bytes(damage(files.path.read_bytes(), how))
    content, said = files.load(World())
    assert content["state"]["step"] == 7
    assert said[0].startswith(f"{files.path} is refused: damaged") and len(said[0].splitlines()) == 1
    assert said[1] == f"resuming after step 7 of {files.previous}"
    files.previous.write_bytes(damage(files.previous.read_bytes(), how))
    content, said = files.load(World())
    assert content is None and len(said) == 3 and said[-1] == "starting from scratch"


def headers(whole):
    """Places of the bytes of an archive's headers, its directory included."""
    starts = [match.start() for match in re.finditer(b"PK(\x03\x04|\x01\x02|\x05\x06|\x06\x06|\x06\x07)", whole)]
    return sorted({start + offset for start in starts for offset in range(46) if start + offset < len(whole)})


def test_any_flipped_bit_is_noticed_or_changes_nothing(tmp_path):
    save(tmp_path, 7)
    files = Checkpoints(tmp_path, "mine")
    whole = files.path.read_bytes()
    good = files.load(World())[0]
    chance = random.Random(0)
    places = [chance.randrange(len(whole)) for _ in range(20)] + chance.sample(headers(whole), 80)
    for place in places:
        files.path.write_bytes(whole[:place] + bytes([whole[place] ^ (1 << chance.randrange(8))]) + whole[place + 1 :])
        content = files.load(World())[0]
        if content is not None:  # padding, times and attributes of the archive may hold anything
            same = [torch.equal(value, content["parameters"][name]) for name, value in good["parameters"].items()]
            assert all(same) and content["state"]["step"] == 7


def test_a_damaged_file_never_takes_the_place_of_a_good_one(tmp_path):
    save(tmp_path, 7)
    strategy, state = save(tmp_path, 9)  # a process of its own: what is there has not been read by it
    files = Checkpoints(tmp_path, "mine")
    files.load(World())
    state.step = 11
    files.save(state, strategy)
    files.path.write_bytes(b"damaged")
    later = Checkpoints(tmp_path, "mine")
    assert later.load(World())[0]["state"]["step"] == 9
    state.step = 13
    later.save(state, strategy)
    later.path.write_bytes(b"damaged again")
    assert Checkpoints(tmp_path, "mine").load(World())[0]["state"]["step"] == 9


def test_a_parameter_without_a_gradient_comes_back_too(tmp_path):
    def begun():
        torch.manual_seed(0)
        model = torch.nn.ModuleDict({"used": torch.nn.Linear(2, 2), "unused": torch.nn.Linear(2, 2)})
        strategy = Single(World(), torch.device("cpu"), Recipe())
        strategy.attach(model, 1, None)
        return strategy

    strategy = begun()
    strategy.backward(strategy.module["used"](torch.ones(1, 2)).sum())
    strategy.step(0.1)
    files = Checkpoints(tmp_path, "mine")
    files.save(State(Recipe(), 1), strategy)
    content = files.load(World())[0]
    again = begun()
    fill(again.module, content)
    again.attach(again.module, 1, content["optimizer"])
    for each in (strategy, again):
        each.backward(each.module["used"](torch.ones(1, 2)).sum())
        each.step(0.1)
    assert all(torch.equal(value, again.parameters()[name]) for name, value in strategy.parameters().items())


class Bomb:
    """Runs a command when it is unpickled."""

    def __init__(self, file):
        self.file = file

    def __reduce__(self):
        return Path.touch, (self.file,)


def test_code_in_a_checkpoint_is_not_run(tmp_path):
    trap = tmp_path / "trap"
    files = Checkpoints(tmp_path, "mine")
    torch.save({"identity": "mine", "format": 2, "state": Bomb(trap)}, files.path)
    assert files.load(World())[0] is None and not trap.exists()
    files.path.write_bytes(pickle.dumps(Bomb(trap)))
    assert files.load(World())[0] is None and not trap.exists()


def test_a_full_disk_in_the_middle_of_a_checkpoint_leaves_the_last_one(tmp_path):
    # A limit on the size of files stands in for a full disk.
    code = f"""
import resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
sys.path.insert(0, {str(Path(__file__).parent)!r})
from pathlib import Path
from test_checkpoint import save
save(Path({str(tmp_path)!r}), 1)
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
try:
    save(Path({str(tmp_path)!r}), 2)
except Exception as error:
    print(type(error).__name__, error)
"""
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.startswith("DynconvError ") and "cannot write" in said
    assert "resuming after step 1" in Checkpoints(tmp_path, "mine").load(World())[1][0]
    assert [file.name for file in tmp_path.iterdir()] == ["checkpoint.pt"]
