"""Where a process finds itself among others: from torchrun's, the executor's and srun's variables, or alone."""

import pytest
from ranks import in_ranks

from dynconv.engine.strategy import choose
from dynconv.engine.world import World, find, first_host
from dynconv.errors import DynconvError

TORCHRUN = {
    "RANK": "3",
    "WORLD_SIZE": "4",
    "LOCAL_RANK": "1",
    "LOCAL_WORLD_SIZE": "2",
    "MASTER_ADDR": "node1",
    "MASTER_PORT": "29500",
}
SRUN = {
    "SLURM_JOB_ID": "12",
    "SLURM_STEP_ID": "1",
    "SLURM_STEP_NUM_TASKS": "5",
    "SLURM_PROCID": "4",
    "SLURM_LOCALID": "0",
    "SLURM_NODEID": "2",
    "SLURM_STEP_NODELIST": "gpu[03-05]",
    "SLURM_STEP_TASKS_PER_NODE": "2(x2),1",
}


def test_alone():
    assert find({}) == World(0, 1, 0, 1, "")
    # A batch script, or the shell of an allocation, of a job with many tasks: nothing runs in parallel.
    assert find({"SLURM_JOB_ID": "12", "SLURM_NTASKS": "4", "SLURM_PROCID": "0", "SLURM_LOCALID": "0"}).size == 1
    assert find(SRUN | {"SLURM_STEP_NUM_TASKS": "1"}).size == 1


def test_torchrun_and_the_executor():
    assert find(TORCHRUN) == World(3, 4, 1, 2, "node1:29500")
    assert find(SRUN | TORCHRUN) == World(3, 4, 1, 2, "node1:29500")


def test_srun():
    world = find(SRUN)
    assert (world.rank, world.size, world.local_rank, world.local_size) == (4, 5, 0, 1)
    assert find(SRUN | {"SLURM_NODEID": "0"}).local_size == 2
    host, port = world.master.split(":")
    assert host == "gpu03" and 10_000 <= int(port) < 30_000
    assert find(SRUN | {"SLURM_STEP_ID": "2"}).master != world.master


@pytest.mark.parametrize(
    ("nodes", "first"),
    [("n1", "n1"), ("n1,n2", "n1"), ("gpu[03-05,9],cpu1", "gpu03"), ("a-1-[7,9-12]-x,b", "a-1-7-x"), ("n[12]", "n12")],
)
def test_the_first_host(nodes, first):
    assert first_host(nodes) == first


@pytest.mark.parametrize(
    ("env", "words"),
    [
        ({"RANK": "0"}, "environment: WORLD_SIZE, LOCAL_RANK, MASTER_ADDR, MASTER_PORT not set"),
        (TORCHRUN | {"RANK": "4"}, "RANK=4 and WORLD_SIZE=4; valid ranks: 0 to 3"),
        (TORCHRUN | {"RANK": "x"}, "RANK=x.*valid: whole numbers"),
        ({**SRUN, "SLURM_LOCALID": ""}, "SLURM_LOCALID not set"),
    ],
)
def test_a_bad_environment_is_named(env, words):
    with pytest.raises(DynconvError, match=words):
        find(env)


def test_the_choice():
    many = World(0, 2, 0, 2, "localhost:1")
    assert choose("auto", World()).name == "single" and choose("auto", many).name == "ddp"
    assert choose("ddp", World()).name == "ddp" and choose("deepspeed", many).name == "deepspeed"
    with pytest.raises(DynconvError, match="started as 2 processes, which would all train the same run"):
        choose("single", many)
    with pytest.raises(DynconvError, match="unknown strategy 'horovod'; valid: auto, single, ddp, deepspeed"):
        choose("horovod", many)


def collectives():
    import torch

    world = find()
    world.join(torch.device("cpu"))
    try:
        return (
            world.sum(torch.tensor([1.0, world.rank])).tolist(),
            world.most([world.rank, -world.rank]),
            world.gather({"rank": world.rank}),
            world.broadcast(b"from the first" if world.leads else None),
            world.broadcast(None),
        )
    finally:
        world.leave()


@pytest.mark.parametrize("size", [1, 3])
def test_what_they_say_to_each_other(size):
    results = in_ranks(size, collectives)
    everybody = [{"rank": rank} for rank in range(size)]
    for rank, (total, most, gathered, told, nothing) in enumerate(results):
        assert total == [size, sum(range(size))] and most == [size - 1, 0]
        assert gathered == ([] if rank else everybody)
        assert told == b"from the first" and nothing is None
