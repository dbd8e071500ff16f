"""Shell rules run as they are, without another Snakemake on the node; all that Snakemake promises of them holds."""

from workflows import Workflow

PARENT = r"tr '\0' ' ' </proc/$PPID/cmdline"


def test_a_shell_rule_is_run_without_another_snakemake(slurm, tmp_path):
    flow = Workflow(
        tmp_path / "w",
        slurm.env,
        f"""
        shell.prefix("export PREFIX=told; ")
        shell.suffix("echo suffix >>suffixes.txt")

        rule all:
            input: "out/x.txt", "long.txt"

        rule long:
            output: "long.txt"
            params: text="x" * 200_000
            shell:
                \"\"\"
                printf %s {{params.text}} | wc -c >{{output}}
                echo $PREFIX >>{{output}}
                \"\"\"

        rule one:
            output: "out/{{name}}.txt"
            log: "own/{{name}}.log"
            benchmark: "bench/{{name}}.tsv"
            threads: 3
            params: text="it's"
            shell:
                r\"\"\"
                {PARENT} >{{output}}
                echo >>{{output}}
                echo $OMP_NUM_THREADS $MKL_NUM_THREADS $OPENBLAS_NUM_THREADS $SLURM_CPUS_PER_TASK >>{{output}}
                echo $PREFIX $PWD >>{{output}}
                echo {{params.text:q}} >>{{output}}
                echo for its own log >{{log}}
                echo said
                echo complained >&2
                \"\"\"
        """,
    )
    flow.succeed()
    parent, threads, prefix, text = flow.read("out/x.txt").splitlines()
    assert "snakemake_executor_plugin_submitit.job" in parent
    assert "-m snakemake " not in parent
    assert threads == "3 3 3 3"
    assert prefix == f"told {tmp_path}/w"
    assert text == "it's"
    assert flow.read("suffixes.txt").split() == ["suffix", "suffix"]
    assert flow.read("long.txt").split() == ["200000", "told"], "a command longer than the system's longest word"
    assert flow.read("own/x.log") == "for its own log\n"
    header, row = flow.read("bench/x.tsv").splitlines()
    assert header.split("\t")[:3] == ["s", "h:m:s", "max_rss"]
    assert len(row.split("\t")) == len(header.split("\t"))
    assert float(row.split("\t")[0]) >= 0
    first, *said, last = flow.log("one", "x").splitlines()
    assert "job " in first and "attempt 1" in first
    assert said == ["said", "complained"]
    assert "ok: exit code 0" in last


def test_bash_is_strict_and_a_failed_job_leaves_no_output(slurm, tmp_path):
    flow = Workflow(
        tmp_path,
        slurm.env,
        """
        rule all:
            input: "pipe.txt", "unset.txt", "middle.txt", "late.txt", "good.txt"
        rule pipe:
            output: "pipe.txt"
            shell: "echo half >{output}; false | true; echo on >went_on"
        rule unset:
            output: "unset.txt"
            shell: "echo half >{output}; echo $not_set_anywhere; echo on >went_on"
        rule middle:
            output: "middle.txt"
            shell: "echo half >{output}; false; echo on >went_on"
        rule good:
            output: "good.txt"
            shell: "echo whole >{output}"
        rule late:
            input: "good.txt"
            output: "late.txt"
            shell: "cp {input} {output}"
        """,
    )
    output = flow.fail("--keep-going")
    assert flow.read("late.txt") == "whole\n", "--keep-going: what does not need the failed ones is made"
    for name in ("pipe", "unset", "middle"):
        assert not (tmp_path / f"{name}.txt").exists()
        assert f"Error in rule {name}:" in output
    assert not (tmp_path / "went_on").exists()
    assert "not_set_anywhere: unbound variable" in output, "the last lines of the log"
    assert output.count("EXIT_CODE: exit code 1") == 3, output


def test_every_kind_of_output(slurm, tmp_path):
    flow = Workflow(
        tmp_path,
        slurm.env,
        """
        rule all:
            input: "protected.txt", "folder", "touched", "full.txt", "kept.txt"
        rule scratch:
            output: temp("scratch.txt")
            shell: "echo scratch >{output}"
        rule protected:
            input: "scratch.txt"
            output: protected("protected.txt")
            shell: "cp {input} {output}"
        rule folder:
            output: directory("folder")
            shell: "mkdir {output} && echo 1 >{output}/file"
        rule touched:
            output: touch("touched")
            shell: "true"
        rule full:
            output: ensure("full.txt", non_empty=True)
            shell: "echo full >{output}"
        rule kept:
            input: "scratch.txt"
            output: "kept.txt"
            shell: "cp {input} {output}"
        rule empty:
            output: ensure("empty.txt", non_empty=True)
            shell: ": >{output}"
        rule forgotten:
            output: "forgotten.txt"
            shell: "true"
        rule updated:
            output: update("updated.txt")
            shell: "echo new >>{output}"
        rule broken:
            output: update("kept_old.txt")
            shell: "echo new >>{output}; exit 3"
        """,
    )
    flow.succeed()
    assert not (tmp_path / "scratch.txt").exists()
    assert flow.read("protected.txt") == "scratch\n"
    assert not (tmp_path / "protected.txt").stat().st_mode & 0o222
    assert flow.read("folder/file") == "1\n"
    assert (tmp_path / "touched").exists()
    flow.write("updated.txt", "old\n")
    flow.write("kept_old.txt", "old\n")
    wanted = ("empty.txt", "forgotten.txt", "updated.txt", "kept_old.txt")
    output = flow.fail("--keep-going", "--latency-wait", "1", "--forcerun", "updated", "broken", "--", *wanted)
    assert "empty.txt" in output
    assert not (tmp_path / "empty.txt").exists()
    assert "forgotten.txt (missing locally)" in output
    assert flow.read("updated.txt") == "old\nnew\n"
    assert flow.read("kept_old.txt") == "old\n"


def test_a_checkpoint_decides_what_comes_next(slurm, tmp_path):
    flow = Workflow(
        tmp_path,
        slurm.env,
        """
        def parts(wildcards):
            folder = checkpoints.split.get().output[0]
            return expand("made/{n}.txt", n=glob_wildcards(folder + "/{n}.part").n)
        rule all:
            input: parts
        checkpoint split:
            output: directory("parts")
            shell: "mkdir {output}; for n in 1 2 3; do echo $n >{output}/$n.part; done"
        rule make:
            input: "parts/{n}.part"
            output: "made/{n}.txt"
            shell: "cp {input} {output}"
        """,
    )
    flow.succeed()
    assert sorted(file.name for file in (tmp_path / "made").iterdir()) == ["1.txt", "2.txt", "3.txt"]


def test_retries_ask_for_what_the_attempt_needs(slurm, tmp_path):
    flow = Workflow(
        tmp_path,
        slurm.env,
        """
        rule all:
            input: "done.txt"
        rule again:
            output: "done.txt"
            retries: 2
            resources:
                mem_mb=lambda wildcards, attempt: 100 * attempt,
                tasks=1,
            shell:
                "echo $SLURM_MEM_PER_NODE $SNAKEMAKE_SUBMITIT_ATTEMPT >>starts.txt; "
                "test $(wc -l <starts.txt) = 3 && touch {output}"
        """,
    )
    output = flow.succeed()
    assert flow.read("starts.txt").splitlines() == ["100 1", "200 2", "300 3"]
    assert output.count("Trying to restart job") == 2
