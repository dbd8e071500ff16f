"""Many jobs cost few requests: arrays of equal jobs, packs of short ones, and each item is still a job of its own."""

import collections
import json
import os

import pytest
from cluster import Cluster
from daemons import wait_until
from workflows import Workflow, interpreter

HELD = """
    rule all:
        input: expand("out/{n}", n=range(1000))
    rule one:
        output: "out/{n}"
        resources: slurm_extra="--hold", runtime=5
        shell: "touch {output}"
"""


def jobs_in_queue(cluster):
    return cluster.run("squeue", "-h", "-r", "-o", "%i").split()


def test_a_thousand_jobs_are_one_request_and_one_more_cancels_them(slurm, tmp_path):
    flow = Workflow(tmp_path, slurm.env, HELD)
    with flow.start("--jobs", "1000", "--max-jobs-per-timespan", "10000/1s") as snakemake:
        snakemake.wait_for("array", 90)
        wait_until(lambda: len(jobs_in_queue(slurm)) == 1000, "all jobs in the queue", 30)
        assert len(slurm.calls("sbatch")) == 1
        snakemake.interrupt()
        assert snakemake.end(60).code != 0
    assert len(slurm.calls("scancel")) == 1
    assert len(slurm.calls("sbatch")) == 1
    wait_until(lambda: not jobs_in_queue(slurm), "the cancelled jobs to go")
    assert len(slurm.calls("srun")) == 0


def test_arrays_are_split_at_the_size_and_by_what_jobs_ask_for(slurm, tmp_path):
    flow = Workflow(
        tmp_path,
        slurm.env,
        """
        rule all:
            input: expand("small/{n}", n=range(50)), expand("big/{n}", n=range(10))
        rule small:
            output: "small/{n}"
            resources: mem_mb=10
            shell: "echo $SLURM_ARRAY_JOB_ID $SLURM_MEM_PER_NODE >{output}"
        rule big:
            output: "big/{n}"
            resources: mem_mb=20
            shell: "echo $SLURM_ARRAY_JOB_ID $SLURM_MEM_PER_NODE >{output}"
        """,
    )
    flow.succeed("--submitit-array-size", "20")
    found = collections.Counter()
    for rule, memory in (("small", "10"), ("big", "20")):
        for file in (tmp_path / rule).iterdir():
            array, got = file.read_text().split()
            assert got == memory
            found[rule, array] += 1
    sizes = {rule: sorted(n for (of, _), n in found.items() if of == rule) for rule in ("small", "big")}
    assert sizes == {"small": [10, 20, 20], "big": [10]}
    assert len(slurm.calls("sbatch")) == 4


@pytest.fixture
def short_arrays(tmp_path_factory):
    with Cluster(tmp_path_factory.mktemp("c"), nodes=2, accounting=False, max_array_size=6) as cluster:
        yield cluster


def test_the_clusters_own_limit_of_arrays_is_kept(slurm, short_arrays, tmp_path):
    flow = Workflow(
        tmp_path,
        short_arrays.env,
        """
        rule all:
            input: expand("out/{n}", n=range(12))
        rule one:
            output: "out/{n}"
            resources: mem_mb=10
            shell: "echo ${{SLURM_ARRAY_TASK_ID:-none}} >{output}"
        """,
    )
    flow.succeed()
    elements = [int(file.read_text()) for file in (tmp_path / "out").iterdir()]
    assert max(elements) == 4, "MaxArraySize is the first index that is too high"
    assert len(short_arrays.calls("sbatch")) == 3


def test_a_pack_is_one_job_and_its_items_fail_alone(slurm, tmp_path):
    flow = Workflow(
        tmp_path,
        slurm.env,
        """
        rule all:
            input: expand("out/{n}", n=range(20))
        rule one:
            output: "out/{n}"
            resources: pack=16, mem_mb=10, runtime=2
            shell: "echo item {wildcards.n}; echo $SLURM_JOB_ID >{output}; test {wildcards.n} != 7"
        """,
    )
    output = flow.fail("--keep-going")
    landed = {file.name: file.read_text() for file in (tmp_path / "out").iterdir()}
    assert sorted(map(int, landed)) == [n for n in range(20) if n != 7]
    assert sorted(collections.Counter(landed.values()).values()) in ([9, 10], [10, 9])
    assert len(slurm.calls("sbatch")) == 1
    assert output.count("Error in rule one:") == 1
    assert "logs/slurm/one/7.log" in output
    for n in range(20):
        log = flow.log("one", str(n))
        assert f"\nitem {n}\n" in log
        assert log.count("item ") == 1
        assert ("failed: exit code 1" in log) == (n == 7)


def test_a_packs_job_asks_for_the_time_of_all_its_items(slurm, tmp_path):
    flow = Workflow(
        tmp_path,
        slurm.env,
        """
        rule all:
            input: expand("out/{n}", n=range(6))
        rule one:
            output: "out/{n}"
            threads: 1
            resources: pack=6, pack_concurrency=2, mem_mb=30, runtime=7
            shell: "squeue -h -j $SLURM_JOB_ID -o '%l %C %m' >{output}"
        """,
    )
    flow.succeed()
    asked = {file.read_text().strip() for file in (tmp_path / "out").iterdir()}
    assert asked == {"21:00 2 60M"}


def test_two_items_of_a_pack_run_at_a_time(slurm, tmp_path):
    """The first ones wait for a second to begin: alone, none would end.  And never are there three."""
    flow = Workflow(
        tmp_path,
        slurm.env,
        """
        rule all:
            input: expand("out/{n}", n=range(4))
        rule meet:
            output: "out/{n}"
            resources: pack=4, pack_concurrency=2, mem_mb=10
            shell:
                "touch begun.{wildcards.n} now.{wildcards.n}; ls now.* | wc -l >count.{wildcards.n}; "
                "for i in $(seq 300); do [ $(ls begun.* | wc -l) -ge 2 ] && break; sleep 0.1; done; "
                "[ $(ls begun.* | wc -l) -ge 2 ]; sleep 0.5; rm now.{wildcards.n}; touch {output}"
        """,
    )
    flow.succeed("--scheduler", "greedy")
    assert max(int(flow.read(f"count.{n}")) for n in range(4)) == 2


def test_an_item_that_cannot_start_fails_alone(tmp_path):
    """Its log's folder is a file: the other item of the pack lands, and the message says what was wrong."""
    flow = Workflow(
        tmp_path,
        dict(os.environ),
        """
        rule all:
            input: "good", "bad"
        rule good:
            output: "good"
            resources: pack=4
            shell: "touch {output}"
        rule bad:
            output: "bad"
            resources: pack=4, job_name="taken/log"
            shell: "touch {output}"
        """,
    )
    flow.write("logs/slurm/bad/taken", "")
    text = flow.fail("--submitit-cluster", "local", "--cores", "1", "--keep-going")
    assert "cannot start" in text and "taken" in text
    assert (flow.folder / "good").exists() and not (flow.folder / "bad").exists()


HELPER = '''
    """Answers each connection with its own process number and how many came before."""
    import os, socket, sys, threading
    server = socket.socket(socket.AF_UNIX)
    server.bind(os.environ["SNAKEMAKE_SUBMITIT_HELPER"])
    server.listen()
    def serve():
        served = 0
        while True:
            connection, _ = server.accept()
            connection.sendall(f"{os.getpid()} {served}".encode())
            connection.close()
            served += 1
    threading.Thread(target=serve, daemon=True).start()
    sys.stdin.read()
    open(f"helper.{os.getpid()}.ended", "w").close()
'''
CLIENT = """
    import os, socket, sys, time
    for _ in range(100):
        try:
            client = socket.socket(socket.AF_UNIX)
            client.connect(os.environ["SNAKEMAKE_SUBMITIT_HELPER"])
            break
        except (FileNotFoundError, ConnectionRefusedError):
            time.sleep(0.1)
    open(sys.argv[1], "wb").write(client.recv(100))
"""


@pytest.mark.parametrize("cluster", ["slurm", "local"])
def test_a_helper_serves_all_items_of_its_pack(slurm, tmp_path, cluster):
    flow = Workflow(
        tmp_path,
        slurm.env,
        f"""
        rule all:
            input: expand("out/{{n}}", n=range(6)), "alone"
        rule helped:
            output: "out/{{n}}"
            resources: pack=6, mem_mb=20, pack_helper="{interpreter()} helper.py"
            shell: "{interpreter()} client.py {{output}}"
        rule alone:
            output: "alone"
            shell: "echo ${{{{SNAKEMAKE_SUBMITIT_HELPER:-no helper}}}} >{{output}}"
        """,
    )
    flow.write("helper.py", HELPER)
    flow.write("client.py", CLIENT)
    flow.succeed("--submitit-cluster", cluster)
    answers = [file.read_text().split() for file in (tmp_path / "out").iterdir()]
    (helper,) = {pid for pid, _ in answers}
    assert sorted(int(served) for _, served in answers) == list(range(6))
    assert (tmp_path / f"helper.{helper}.ended").exists(), "it ended when it was of no more use"
    assert flow.read("alone") == "no helper\n"


def test_a_task_file_holds_the_items_of_a_pack(slurm, tmp_path):
    """What lies on the disk while jobs wait: only this user's."""
    flow = Workflow(tmp_path, slurm.env, HELD.replace("range(1000)", "range(8)").replace("runtime=5", "pack=4"))
    with flow.start() as snakemake:
        snakemake.wait_for("Submitted array")
        tasks = flow.tasks()
        assert [len(json.loads(file.read_text())["items"]) for file in tasks] == [4, 4]
        for place in (tasks[0], tasks[0].parent, tasks[0].parent.parent):
            assert place.stat().st_mode & 0o077 == 0
        snakemake.interrupt()
        snakemake.end()
