"""What does each way to run many short jobs on Slurm cost?  `python benchmarks/orchestration/run.py`

The same N shell jobs (`true; touch FILE`) on one private Slurm cluster (tests/slurm/cluster.py, with accounting):

- floor: no workflow manager; one `sbatch` array of the N commands, until the last output is there;
- plain, arrays, packed: this executor, with one sbatch a job; as arrays; as packs of 16 in an array;
- peer: snakemake-executor-plugin-slurm (the newest; in benchmarks/orchestration/.venv, made when it is missing) with
  its defaults; tuned (asks for states every 5 s, not from 40 s on; guesses no account; Snakemake's limits as in
  cluster_profiles/slurm).  With `--peers defaults tuned arrays groups` also tuned with its job arrays, and tuned with
  Snakemake's groups of 16 jobs.

The makespan runs from the start of Snakemake until it ends.  A job's overhead is (makespan - ideal) / N, where the
ideal is N times the seconds of the command alone, over the jobs that the cluster runs at a time: next to nothing, so
Slurm's own cost is in it, and the floor shows how much that is.  Driver: Snakemake and its children, not the cluster's
jobs.  Slurm's daemons and all jobs share this machine's CPUs: the jobs' own CPU seconds are in the makespan, where a
large cluster would hide them behind its size.  They are therefore told apart, from sacct.

On 2 cores about 19 minutes, 11 with `--skip-peer-default`; the peer's arrays and groups take 5 to 10 more each.
Needs Slurm's programs (installed if this is root on Debian) and, for the peer, PyPI.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "tests" / "slurm"))
sys.path.insert(0, str(HERE.parents[1] / "tests"))

import peer  # noqa: E402
import table  # noqa: E402
from cluster import Cluster  # noqa: E402
from measure import Bench, Measurement  # noqa: E402
from packages import SlurmUnavailable, program  # noqa: E402
from ways import OURS, PACK, PEERS  # noqa: E402


def main() -> None:
    words = arguments()
    chosen = set(words.peers) - ({"defaults"} if words.skip_peer_default else set())
    peers = [way for way in PEERS if way.name.removeprefix("peer ") in chosen]
    if words.slots < PACK:
        sys.exit(f"--slots {words.slots}: must be at least {PACK}, for a group of the peer's jobs")
    if peers:
        peer.install()
    with tempfile.TemporaryDirectory(prefix="orchestration-") as scratch:
        # One node: the peer's group of jobs wants to run all of them at a time.
        shape = {"nodes": 1, "cpus": words.slots, "mem": 1000 * words.slots, "gpus": 0}
        try:
            with Cluster(Path(scratch, "slurm"), **shape) as cluster:
                bench = Bench(cluster, Path(scratch, "work"), words.slots, words.limit)
                report = measure(bench, words, peers)
        except SlurmUnavailable as error:
            sys.exit(f"no Slurm: {error}")
    words.out.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    print(f"\nwritten to {words.out}")


def measure(bench: Bench, words: argparse.Namespace, peers: list) -> dict:
    """Run all ways, print the tables, and return all that was measured."""
    about = machine(bool(peers)) | {"slots": words.slots, "jobs": words.jobs, "turns": words.turns}
    about |= {"command_s": bench.command_s, "snakemake_alone_s": bench.snakemake_alone_s(words.jobs)}
    print(json.dumps(about, indent=1), flush=True)
    runs: list[Measurement] = []

    def note(run: Measurement) -> None:
        print(f"{run.way}, {run.jobs} jobs: {run.makespan_s:.1f} s", file=sys.stderr, flush=True)
        runs.append(run)

    for _ in range(words.turns):
        note(bench.floor(words.jobs))
        for way in OURS:
            note(bench.run(way, words.jobs))
    failed = {}
    for way in peers:
        try:
            note(bench.run(way, words.jobs))
        except RuntimeError as error:  # the others' numbers are still good
            failed[way.name] = str(error)
            print(f"{way.name} has no result: {error}", file=sys.stderr, flush=True)
    found = table.medians(runs)
    print(f"\n{words.jobs} jobs; the peer ran once, the others {words.turns} times (medians)\n\n{table.results(found)}")
    print("\n".join(["", table.ratios(found), "", *table.goals(found)]))
    larger = {}
    if words.calls:
        larger = {way.name: bench.run(way, words.calls) for way in OURS[1:]}
        print(f"\n{words.calls} jobs\n\n{table.results(larger)}")
    everything = [*runs, *larger.values()]
    return {"about": about, "goals": table.goals(found), "runs": [run.json() for run in everything], "failed": failed}


def machine(with_peer: bool) -> dict:
    """What the numbers depend on."""
    model = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    slurm = subprocess.run([program("slurmctld"), "-V"], capture_output=True, text=True).stdout.strip()
    about = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "cpu": model[0].partition(": ")[2] if model else platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "load_before": os.getloadavg()[0],
        "python": platform.python_version(),
        "slurm": slurm,
    }
    return about | (peer.versions() if with_peer else {})


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__.partition("\n\n")[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--jobs", type=int, default=200, help="jobs of the workflow")
    parser.add_argument("--calls", type=int, default=500, help="jobs of a second, larger workflow; 0: none")
    parser.add_argument("--turns", type=int, default=3, help="runs of each way, but the peer's")
    parser.add_argument("--slots", type=int, default=16, help="jobs that the cluster runs at a time")
    parser.add_argument("--skip-peer-default", action="store_true", help="leave out the peer with its defaults")
    names = [way.name.removeprefix("peer ") for way in PEERS]
    parser.add_argument("--peers", nargs="*", choices=names, default=names[:2], help="the peer's ways to run")
    parser.add_argument("--limit", type=float, default=900, help="seconds after which a run is killed")
    parser.add_argument("--out", type=Path, default=HERE / "results.json", help="where all numbers go")
    return parser.parse_args()


if __name__ == "__main__":
    main()
