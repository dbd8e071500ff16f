"""The private cluster does what the other tests take for granted; all of it is Slurm's own behaviour."""

import memory
import pytest
from daemons import wait_until


def submit(cluster, *words, script, env=None):
    options = ["--parsable", f"--output={cluster.folder}/log/job-%A.out", "--open-mode=append", *words]
    return cluster.run("sbatch", *options, "--wrap", script, env=env)


def output(cluster, job):
    file = cluster.folder / "log" / f"job-{job}.out"
    return file.read_text(encoding="utf-8") if file.exists() else ""


def accounted(cluster, job, field="State"):
    return cluster.run("sacct", "--allusers", "-n", "-P", "-j", job, "-o", field).splitlines()


def test_a_job_runs_and_is_accounted_for(slurm):
    job = submit(slurm, script="echo node $SLURMD_NODENAME; exit 3")
    slurm.wait_for_state(job, "FAILED")
    assert output(slurm, job).startswith("node n")
    wait_until(lambda: accounted(slurm, job, "ExitCode")[:1] == ["3:0"], "the job in sacct")


def test_an_array(slurm):
    job = submit(slurm, "--array=0-5%3", script="echo $SLURM_ARRAY_TASK_ID")
    wait_until(lambda: not slurm.run("squeue", "-h", "-j", job), "the array to end")
    assert sorted(output(slurm, job).split()) == list("012345")


def test_gpus_are_given_out(slurm):
    job = submit(slurm, "--gpus-per-node=2", script="echo $CUDA_VISIBLE_DEVICES")
    slurm.wait_for_state(job, "COMPLETED")
    assert output(slurm, job) == "0,1\n"


def test_nodes_find_one_another_by_name(slurm):
    script = "srun getent hosts $(scontrol show hostnames $SLURM_JOB_NODELIST | tail -n 1)"
    job = submit(slurm, "--nodes=2", "--ntasks-per-node=1", script=script)
    slurm.wait_for_state(job, "COMPLETED")
    lines = output(slurm, job).splitlines()
    assert len(lines) == 2
    assert all(line.startswith("127.0.0.1 ") for line in lines)


@pytest.mark.skipif(not memory.usable(), reason="no memory controller (cgroup v1) that can be written to here")
def test_a_job_over_its_memory_is_out_of_memory(slurm):
    script = "python3 -c 'block = bytearray(400 << 20)'"
    alone = submit(slurm, "--mem=100", script=script)
    step = submit(slurm, "--mem=100", script=f"srun {script}")
    slurm.wait_for_state(alone, "OUT_OF_MEMORY")
    slurm.wait_for_state(step, "FAILED")  # only its step knows
    wait_until(lambda: accounted(slurm, step) == ["FAILED", "FAILED", "OUT_OF_MEMORY"], "the step in sacct")


def test_a_preempted_job_is_requeued_and_runs_again(slurm):
    script = "echo start ${SLURM_RESTART_COUNT:-0}; [ $SLURM_RESTART_COUNT ] || sleep 600"
    low = submit(slurm, "--partition=low", "--nodes=4", "--exclusive", "--requeue", script=script)
    wait_until(lambda: slurm.state(low) == "RUNNING" and "start" in output(slurm, low), "the job to start")
    high = submit(slurm, "--partition=high", "--nodes=4", "--exclusive", script="true")
    slurm.wait_for_state(high, "COMPLETED")
    slurm.wait_for_state(low, "COMPLETED")
    assert [line for line in output(slurm, low).splitlines() if line.startswith("start")] == ["start 0", "start 1"]


def test_a_killed_node_takes_its_tasks_along_and_its_job_is_requeued(slurm):
    script = "echo start ${SLURM_RESTART_COUNT:-0}; [ $SLURM_RESTART_COUNT ] || { setsid sleep 600 & sleep 600; }"
    job = submit(slurm, "--nodelist=n2", script=script)
    wait_until(lambda: slurm.state(job) == "RUNNING" and "start" in output(slurm, job), "the job to start")
    before = slurm.node_processes("n2")
    assert len(before) >= 5, "slurmd, slurmstepd, the shell and both sleeps"
    slurm.kill_node("n2")
    assert not slurm.node_processes("n2")
    slurm.start_node("n2")
    slurm.wait_for_state(job, "COMPLETED")
    assert output(slurm, job).splitlines()[-1] == "start 1"


def test_a_node_put_down_fails_the_job_that_may_not_be_requeued(slurm):
    job = submit(slurm, "--nodelist=n3", "--no-requeue", script="sleep 600")
    slurm.wait_for_state(job, "RUNNING")
    slurm.down_node("n3")
    slurm.wait_for_state(job, "NODE_FAIL")
    slurm.start_node("n3")


def test_calls_are_counted_with_who_made_them(slurm):
    job = submit(slurm, script="squeue --noheader\necho done")
    slurm.wait_for_state(job, "COMPLETED")  # the cluster's own questions are not counted
    first, second = slurm.calls()
    assert (first.name, first.job) == ("sbatch", "")
    assert first.words[-1] == "squeue --noheader\necho done"
    assert (second.name, second.job, second.words) == ("squeue", job, ("--noheader",))
    assert 0 < second.time - first.time < 600
    assert slurm.calls("squeue") == [second]
    slurm.calls.clear()
    assert slurm.calls() == []


def test_commands_can_be_hidden(slurm):
    script = "for name in sacct scontrol squeue; do command -v $name; done"
    job = submit(slurm, script=script, env=slurm.env_without_in_jobs("scontrol"))
    slurm.wait_for_state(job, "COMPLETED")
    assert [line.rpartition("/")[2] for line in output(slurm, job).splitlines()] == ["sacct", "squeue"]
    found = slurm.run("sh", "-c", f"{script}; true", env=slurm.env_without("sacct", "scontrol")).splitlines()
    assert [line.rpartition("/")[2] for line in found] == ["squeue"]


def test_without_accounting_only_sacct_is_lost(slurm_without_accounting):
    cluster = slurm_without_accounting
    job = submit(cluster, script="true")
    cluster.wait_for_state(job, "COMPLETED")
    with pytest.raises(RuntimeError, match="accounting storage is disabled"):
        cluster.run("sacct", "-j", job)


def test_a_controller_that_was_away_knows_its_jobs(slurm_without_accounting):
    cluster = slurm_without_accounting
    job = submit(cluster, "--hold", script="true")
    cluster.stop_controller()
    cluster.start_controller()
    cluster.run("scontrol", "release", job)
    cluster.wait_for_state(job, "COMPLETED")
