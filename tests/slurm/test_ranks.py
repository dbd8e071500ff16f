"""Jobs of several ranks: what torch.distributed needs is there, over nodes and here; the first error counts."""

import contextlib
import json
from pathlib import Path

import pytest
from daemons import wait_until
from workflows import Workflow, interpreter

PYTHON = interpreter()
TELL = r"""
    import json, os, socket
    names = ("RANK", "LOCAL_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
    told = {name: os.environ[name] for name in names}
    told["node"] = os.environ.get("SLURMD_NODENAME", "here")
    told["cpus"] = os.environ.get("SLURM_CPUS_PER_TASK", "")
    with open(f"rank{told['RANK']}.json", "w") as file:
        json.dump(told, file)
"""
STEP = """
    import os
    import torch
    import torch.distributed as dist

    torch.set_num_threads(1)
    dist.init_process_group("gloo")
    rank, size = dist.get_rank(), dist.get_world_size()
    total = torch.tensor([float(rank + 1)])
    dist.all_reduce(total)
    torch.manual_seed(0)
    model = torch.nn.parallel.DistributedDataParallel(torch.nn.Linear(1, 1, bias=False))
    start = model.module.weight.item()
    (model(torch.tensor([[float(rank)]])).sum()).backward()
    torch.optim.SGD(model.parameters(), lr=1.0).step()
    moved = start - model.module.weight.item()
    moves = [None] * size
    dist.all_gather_object(moves, round(moved, 5))
    dist.destroy_process_group()
    if rank == 0:
        with open("step.txt", "w") as file:
            file.write(f"{total.item():g} {moves}")
"""


def workflow(slurm, tmp_path, program, nodes, tasks):
    flow = Workflow(
        tmp_path,
        slurm.env,
        f"""
        rule ranks:
            output: touch("done")
            resources: nodes={nodes}, tasks_per_node={tasks}, mem_mb=900, runtime=5
            shell: "{PYTHON} program.py"
        """,
    )
    flow.write("program.py", program)
    return flow


@pytest.mark.parametrize(("cluster", "nodes", "tasks"), [("slurm", 2, 2), ("local", 1, 2)])
def test_each_rank_knows_its_place(slurm, tmp_path, cluster, nodes, tasks):
    flow = workflow(slurm, tmp_path, TELL, nodes, tasks)
    flow.succeed("--submitit-cluster", cluster)
    told = [json.loads(flow.read(f"rank{rank}.json")) for rank in range(nodes * tasks)]
    assert [each["RANK"] for each in told] == [str(rank) for rank in range(nodes * tasks)]
    assert [each["LOCAL_RANK"] for each in told] == [str(rank % tasks) for rank in range(nodes * tasks)]
    assert {(each["WORLD_SIZE"], each["LOCAL_WORLD_SIZE"]) for each in told} == {(str(nodes * tasks), str(tasks))}
    assert len({each["MASTER_PORT"] for each in told}) == 1
    assert {each["MASTER_ADDR"] for each in told} == {told[0]["node"] if cluster == "slurm" else "127.0.0.1"}
    assert len({each["node"] for each in told}) == nodes
    assert told[0]["node"] == told[1]["node"]
    assert len(slurm.calls("sbatch")) == (cluster == "slurm")
    for rank in range(1, nodes * tasks):
        assert "ok: exit code 0" in flow.read(f"logs/slurm/ranks/ranks.log.rank{rank}")


@pytest.mark.parametrize(("cluster", "nodes", "tasks"), [("slurm", 2, 2), ("local", 1, 2)])
def test_a_step_of_ddp(slurm, tmp_path, cluster, nodes, tasks):
    flow = workflow(slurm, tmp_path, STEP, nodes, tasks)
    flow.succeed("--submitit-cluster", cluster, seconds=120)
    size = nodes * tasks
    mean = round(sum(range(size)) / size, 5)  # the gradient of rank r is r
    assert flow.read("step.txt") == f"{sum(range(1, size + 1))} {[mean] * size}"


DIE = """
    import os, sys, time
    if os.environ["RANK"] == "1":
        time.sleep(1)
        sys.exit("rank 1 has its reasons")
    print("waiting")
    time.sleep(600)
"""


def working_in(folder):
    """Commands of the processes in this folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if (process / "cwd").readlink() == folder:
                found.append((process / "cmdline").read_bytes())
    return found


@pytest.mark.parametrize(("cluster", "nodes"), [("slurm", 2), ("local", 1)])
def test_a_rank_that_dies_ends_the_job_with_its_error(slurm, tmp_path, cluster, nodes):
    flow = workflow(slurm, tmp_path, DIE, nodes, 2 // nodes)
    output = flow.fail("--submitit-cluster", cluster)
    assert "EXIT_CODE: exit code 1 of rank 1" in output
    assert "rank 1 has its reasons" in output
    assert "logs/slurm/ranks/ranks.log.rank1" in output
    assert not (tmp_path / "done").exists()
    wait_until(lambda: not working_in(tmp_path), "the other rank to end", 30)
    if cluster == "slurm":
        assert len(slurm.calls("sbatch")) == 1
