"""`dynconv clean` removes what it has shown, nothing else, and no run is made again for it."""

import json
import os
import re
import time
import zipfile
from pathlib import Path

import pytest
import yaml

from dynconv import records
from dynconv.cli import main
from dynconv.data import ts_archive
from dynconv.data.prepare import prepare
from dynconv.data.staging import open_staged
from dynconv.data.store import ARRAYS, open_arrays
from dynconv.quantities import parse_size, size
from snakemake_executor_plugin_submitit.journal import FOLDER, Batch, Entry, Journal

STUDY = {"name": "s", "variants": ["vanilla", "odconv"], "datasets": ["digits", "ucr/GunPoint"], "seeds": [0, 1]}
NOW = time.time()
DAY = 86_400


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DYNCONV_SCRATCH", raising=False)
    monkeypatch.delenv("COLUMNS", raising=False)
    return tmp_path


def clean(capsys, *words, code=0, **keys):
    Path("study.yaml").write_text(yaml.safe_dump(STUDY | keys))
    assert main(["clean", "--study", "study.yaml", *words]) == code
    said = capsys.readouterr()
    return (said.err if code else said.out).splitlines()


def write(path, content=b"x" * 1000, ago=2 * DAY):
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    os.utime(path, (NOW - ago, NOW - ago))
    return path


def aged(path):
    os.utime(path, (NOW - 2 * DAY, NOW - 2 * DAY))


def run(run_id, status="ok", examples=500, ago=DAY, files=()):
    """The folder of a past run, and more files in it, of an hour earlier."""
    dataset, variant, seed = run_id.rsplit("/", 2)
    keys = {"run_id": run_id, "dataset": dataset, "variant": variant, "seed": int(seed.removeprefix("seed"))}
    place = Path("results/runs", run_id)
    rows = [
        keys | {"example_id": i, "target": i % 7, "prediction": i % 5, "confidence": i / 500} for i in range(examples)
    ]
    records.write("predictions", rows, place / "predictions.parquet")
    records.write("metrics", [], place / "metrics.parquet")
    records.write("runs", [keys | {"task": "classification", "status": status}], place / "run.parquet")
    for file in place.iterdir():
        os.utime(file, (NOW - ago, NOW - ago))
    for name in files:
        write(place / name, ago=ago + 3600)
    return place


def tree():
    """Every file below the working folder but the study, with its content and time."""
    files = [path for path in Path.cwd().rglob("*") if path.is_file() and path.name != "study.yaml"]
    return {str(path.relative_to(Path.cwd())): (path.read_bytes(), path.stat().st_mtime_ns) for path in files}


def removed(capsys, *words, **keys):
    """What `--apply` removes: shown before, and not removed by showing it."""
    before = tree()
    shown = clean(capsys, *words, **keys)
    assert tree() == before
    done = clean(capsys, *words, "--apply", **keys)
    after = tree()
    told = parse_size(re.fullmatch(r"(.*) would be free with --apply.*", shown[-1])[1])
    freed = sum(len(content) for content, _ in before.values()) - sum(len(content) for content, _ in after.values())
    assert done[-1] == f"freed {size(freed)}" and told == pytest.approx(freed, rel=0.1)
    assert all(after[name] == before[name] for name in after if not name.endswith("predictions.parquet"))
    return sorted(before.keys() - after.keys())


def test_nothing_to_remove(folder, capsys):
    assert clean(capsys) == ["0 B would be free with --apply"]
    run("digits/vanilla/seed0")
    assert removed(capsys) == []


CHECKPOINTS = ["checkpoint.memory", "checkpoint.previous.pt", "checkpoint.pt"]


def test_checkpoints_of_finished_runs_go(folder, capsys):
    run("digits/vanilla/seed0", files=["checkpoint.pt", "checkpoint.previous.pt", "checkpoint.memory"])
    assert removed(capsys) == [f"results/runs/digits/vanilla/seed0/{name}" for name in CHECKPOINTS]


def test_checkpoints_that_a_run_may_continue_from_stay(folder, capsys):
    write("results/runs/digits/vanilla/seed0/checkpoint.pt")  # killed, or still to be continued
    run("digits/vanilla/seed1", "failed", files=["checkpoint.pt"])  # `failed` is the default: for the next try
    write(run("digits/odconv/seed0", ago=3 * DAY) / "checkpoint.pt", ago=2 * DAY)  # is being trained anew
    write("results/runs/ucr/GunPoint/odconv/seed7/checkpoint.pt", ago=3600)  # no run of the study, but somebody's
    assert removed(capsys) == []


def test_checkpoints_of_failed_runs_go_if_the_study_says_so(folder, capsys):
    keep = {"keep": {"checkpoints": "none"}}
    write("results/runs/digits/vanilla/seed0/checkpoint.pt")  # has not failed: will be continued
    run("digits/vanilla/seed1", "failed", files=["checkpoint.pt"])
    write("results/failures/digits/odconv/seed0.json", b"{}")
    write("results/runs/digits/odconv/seed0/checkpoint.pt")
    names = ["odconv/seed0", "vanilla/seed1"]
    assert removed(capsys, **keep) == [f"results/runs/digits/{name}/checkpoint.pt" for name in names]


def test_checkpoints_of_runs_that_the_study_does_not_name_go(folder, capsys):
    write("results/runs/digits/mine/seed0/checkpoint.pt")
    assert removed(capsys) == ["results/runs/digits/mine/seed0/checkpoint.pt"]


def test_files_of_a_running_job_stay(folder, capsys):
    """As the executor keeps account of its jobs."""
    run("digits/vanilla/seed0", files=["checkpoint.pt"])
    run("digits/vanilla/seed9", ago=5 * DAY)
    place = folder / FOLDER
    entries = [Entry(f"{n}", "", f"digits/vanilla/seed{n}", "train_vanilla", "log", 1) for n in (0, 9)]
    journal = Journal(place)
    batch = Batch("one", place / "batches/one", [entries], {})
    journal.intend(batch)
    batch.cluster, batch.job_id = "slurm", "88"
    journal.submitted(batch)
    journal.close()
    assert removed(capsys, "--runs", keep={"predictions": "none"}) == []
    assert clean(capsys)[-2] == "left alone: what belongs to 2 jobs of Snakemake's executor"


def test_what_kills_have_left_goes_when_it_is_old(folder, capsys):
    place = run("digits/vanilla/seed0")
    for name in (".checkpoint.pt.ab12_xyz.part", ".run.parquet.ab12_xyz.part", ".probe.k3"):
        write(place / name)
    write(place / ".checkpoint.pt.young123.part", ago=3600)
    write(place / ".mine.part")
    names = [".checkpoint.pt.ab12_xyz.part", ".probe.k3", ".run.parquet.ab12_xyz.part"]
    assert removed(capsys) == [f"results/runs/digits/vanilla/seed0/{name}" for name in names]
    young = f"{place}/.checkpoint.pt.young123.part"
    assert clean(capsys, "--each")[:-1] == ["left alone: 1 written to in the last 24 h", f"  {young}"]
    assert removed(capsys, "--hours", "0.5") == [young]


def rows(place, name="predictions.parquet"):
    return len(records.read("predictions", Path(place) / name))


@pytest.mark.parametrize(("keep", "left"), [("all", (500, 500)), ("first_seed", (500, 0)), ("none", (0, 0))])
def test_predictions_beyond_the_rule_are_emptied_under_their_old_time(folder, capsys, keep, left):
    from dynconv.collect import collect

    places = [run("digits/vanilla/seed0"), run("digits/vanilla/seed1")]
    run("digits/odconv/seed0", "failed", examples=0)
    collect(Path("results/runs"), Path("results/tables"))
    os.utime("results/tables/predictions.parquet", (NOW - 9, NOW - 9))
    times = {name: time for name, (_, time) in tree().items()}
    assert removed(capsys, keep={"predictions": keep}) == []
    assert tuple(rows(place) for place in places) == left
    assert rows("results/tables") == sum(left)
    assert {name: time for name, (_, time) in tree().items()} == times
    assert clean(capsys, keep={"predictions": keep}) == ["0 B would be free with --apply"]


@pytest.mark.parametrize(("keep", "gone"), [("all", ()), ("first_seed", (1,)), ("none", (0, 1))])
def test_masks_go_with_the_predictions(folder, capsys, keep, gone):
    for seed in (0, 1):
        run(f"digits/vanilla/seed{seed}", files=["masks.parquet"])
    removed_masks = [f"results/runs/digits/vanilla/seed{seed}/masks.parquet" for seed in gone]
    assert removed(capsys, keep={"predictions": keep}) == removed_masks


def test_the_collected_table_keeps_the_rows_of_the_others(folder, capsys):
    from dynconv.collect import collect

    for seed in (0, 1):
        run(f"digits/vanilla/seed{seed}", examples=500 + seed)
        run(f"ucr/GunPoint/odconv/seed{seed}", examples=50 + seed)
    collect(Path("results/runs"), Path("results/tables"))
    before = records.read("predictions", "results/tables/predictions.parquet").to_pandas()
    removed(capsys, keep={"predictions": "first_seed"})
    after = records.read("predictions", "results/tables/predictions.parquet").to_pandas()
    assert after.equals(before[before.seed == 0].reset_index(drop=True)) and len(after) == 550


def test_a_damaged_table_is_named_and_nothing_is_removed(folder, capsys):
    place = run("digits/vanilla/seed0", files=["checkpoint.pt"])
    (place / "predictions.parquet").write_bytes(b"x" * 5000)
    before = tree()
    (line,) = clean(capsys, "--apply", code=2, keep={"predictions": "none"})
    assert f"{place}/predictions.parquet: not a readable Parquet file" in line and tree() == before


def test_runs_that_the_study_does_not_name_go_if_asked_for(folder, capsys):
    run("digits/vanilla/seed0")
    other = run("digits/vanilla/seed7")
    run("digits/mine/seed0", files=["notes.txt"])
    write("results/failures/digits/vanilla/seed7.json", b"")
    write("results/runs/waves/mine/seed0/metrics.parquet", ago=60)  # is just being written
    assert removed(capsys) == []
    lines = clean(capsys)
    assert re.fullmatch(r"runs that the study does not name +2 +[\d.]+ kB +--apply --runs", lines[1])
    assert lines[-1].startswith("0 B would be free with --apply, ") and lines[-1].endswith(" with more options")
    tables = ["metrics.parquet", "predictions.parquet", "run.parquet"]
    gone = [f"results/runs/digits/{run}/{name}" for run in ("mine/seed0", "vanilla/seed7") for name in tables]
    assert removed(capsys, "--runs") == ["results/failures/digits/vanilla/seed7.json", *gone]
    assert not other.exists() and Path("results/runs/digits/mine/seed0/notes.txt").exists()


def store(path, ago=2 * DAY):
    for name in ARRAYS:
        write(Path(path) / f"{name}.npy", ago=ago)
    os.utime(path, (NOW - ago, NOW - ago))


def test_what_killed_prepares_have_left(folder, capsys):
    prepare("digits", Path("data"), download=False)
    store("data/.digits.0123456789ab.part")
    store("data/ucr/.GunPoint.0123456789ab.part")
    store("data/.digits.0123456789ab.old")
    store("data/ucr/.GunPoint.0123456789ab.old")  # the last there is: nothing took its place
    store("data/.digits.abcdefabcdef.part", ago=60)  # is being written
    write("data/.digits.aaaaaaaaaaaa.part/mine.txt")
    write("data/.mine.part/train_x.npy")
    places = ["data/.digits.0123456789ab.old", "data/.digits.0123456789ab.part", "data/ucr/.GunPoint.0123456789ab.part"]
    assert removed(capsys) == [f"{place}/{name}.npy" for place in places for name in sorted(ARRAYS)]
    assert not any(Path(place).exists() for place in places)


def zipped(path, *names):
    """An archive of real series, which aeon brings."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            for split in ("TRAIN", "TEST"):
                source = ts_archive._bundled() / name / f"{name}_{split}.ts"
                archive.write(source, f"Univariate_ts/{name}/{source.name}" if len(names) > 1 else source.name)


def test_archives_of_prepared_datasets(folder, capsys):
    raw = Path("data/_raw/ucr")
    zipped(raw / "GunPoint.zip", "GunPoint")
    zipped(raw / "Univariate_ts.zip", "ItalyPowerDemand", "ArrowHead")
    for name in ("GunPoint", "ItalyPowerDemand"):
        prepare(f"ucr/{name}", Path("data"), download=False)
    for name in ("ucr/mine.tar", "ucr/Coffee/Coffee_TRAIN.ts", "imagenet_folder/pets/train/cat/1.png"):
        write(f"data/_raw/{name}")  # no store was read from them
    for name in ("GunPoint.zip.part", "GunPoint.zip.part.json", "Adiac.zip.part", "Adiac.zip.part.json"):
        write(f"data/_raw/ucr/{name}")  # Adiac's is continued some day; GunPoint's whole archive is there
    aged(raw / "GunPoint.zip")
    assert removed(capsys) == [f"data/_raw/ucr/GunPoint.zip.part{end}" for end in ("", ".json")]
    # The archive of all still waits for the others of the family.
    assert removed(capsys, "--downloads") == ["data/_raw/ucr/GunPoint.zip"]
    left = {str(path.relative_to("data/_raw")) for path in Path("data/_raw").rglob("*") if path.is_file()}
    assert {
        "ucr/mine.tar",
        "ucr/Adiac.zip.part",
        "ucr/Univariate_ts.zip",
        "imagenet_folder/pets/train/cat/1.png",
    } < left


def test_what_a_link_leads_to_stays(folder, capsys):
    """Others read it as well."""
    zipped(Path("shared/GunPoint.zip"), "GunPoint")
    write("shared/GunPoint.zip.part")
    aged(Path("shared/GunPoint.zip"))
    Path("data/_raw").mkdir(parents=True)
    Path("data/_raw/ucr").symlink_to(Path("shared").absolute())
    prepare("ucr/GunPoint", Path("data"), download=False)
    assert removed(capsys, "--downloads") == []


def test_the_archive_of_a_damaged_store_stays(folder, capsys):
    zipped(Path("data/_raw/ucr/GunPoint.zip"), "GunPoint")
    prepare("ucr/GunPoint", Path("data"), download=False)
    aged(Path("data/_raw/ucr/GunPoint.zip"))
    Path("data/ucr/GunPoint/train_x.npy").write_bytes(b"")
    assert removed(capsys, "--downloads") == []


def test_staged_copies_go_if_asked_for_and_nobody_reads_them(folder, capsys, monkeypatch):
    prepare("digits", Path("data"), download=False)
    prepare("ucr/GunPoint", Path("data"), download=False)
    Path("scratch").mkdir()
    monkeypatch.setenv("DYNCONV_SCRATCH", str(folder / "scratch"))
    clean(capsys, "--staged")
    assert not list(Path("scratch").iterdir())
    pid = os.fork()
    if pid == 0:
        open_staged(Path("data/digits"), "digits", open_arrays)
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0
    open_staged(Path("data/ucr/GunPoint"), "ucr/GunPoint", open_arrays)  # this process reads it
    assert removed(capsys) == []
    digest = json.loads(Path("data/digits/meta.json").read_text())["dataset_hash"]
    names = sorted([*(f"{array}.npy" for array in ARRAYS), "staged.json"])
    copy = f"scratch/dynconv-{os.getuid()}/{digest}/store"
    assert removed(capsys, "--staged") == [f"{copy}/{name}" for name in names]
    assert len(list(Path("scratch").glob("*/*/store"))) == 1


def test_the_table_and_its_files(folder, capsys):
    run("digits/vanilla/seed0", files=["checkpoint.pt"])
    run("digits/vanilla/seed7")
    lines = clean(capsys, "--each")
    assert [re.split(r"  +", line.strip()) for line in lines[:3]] == [
        ["what", "items", "size", "removed by"],
        ["checkpoints that no run continues from", "1", "1.0 kB", "--apply"],
        ["results/runs/digits/vanilla/seed0/checkpoint.pt", "1.0 kB"],
    ]
    assert re.fullmatch(r"  results/runs/digits/vanilla/seed7 +[\d.]+ kB", lines[4])
    done = clean(capsys, "--apply")
    assert done[1].endswith("1.0 kB  yes") and done[2].endswith("no: --runs") and done[-1] == "freed 1.0 kB"


def test_another_studys_results_are_left_alone(folder, capsys):
    run("digits/vanilla/seed7")
    Path("results/study.yaml").write_text(yaml.safe_dump(STUDY | {"name": "other"}))
    (line,) = clean(capsys, "--runs", "--apply", code=2)
    assert "results/ holds the results of study 'other', not 's'; nothing is removed" in line
    Path("results/study.yaml").write_text("{")
    assert "results/study.yaml: is no study" in clean(capsys, "--runs", "--apply", code=2)[0]
    assert Path("results/runs/digits/vanilla/seed7/run.parquet").exists()


def test_what_cannot_be_removed_is_said_after_the_rest(folder, capsys, monkeypatch):
    run("digits/vanilla/seed0", files=["checkpoint.pt"])
    run("digits/vanilla/seed1", files=["checkpoint.pt"])
    unlink = Path.unlink

    def refuse(path, missing_ok=False):
        if "seed0" in str(path):
            raise PermissionError(13, "Permission denied")
        unlink(path, missing_ok)

    monkeypatch.setattr(Path, "unlink", refuse)
    lines = clean(capsys, "--apply", code=2)
    assert lines[-1].endswith("seed0/checkpoint.pt: cannot be removed: Permission denied")
    assert lines[-2].endswith("freed 1.0 kB") and not Path("results/runs/digits/vanilla/seed1/checkpoint.pt").exists()


@pytest.mark.parametrize(
    ("keep", "cause"),
    [
        ({"predictions": "some"}, "keep.predictions: input should be 'all', 'first_seed' or 'none', not 'some'"),
        ({"checkpoint": "none"}, "unknown key (did you mean 'checkpoints'?); valid: checkpoints, predictions"),
    ],
)
def test_a_wrong_rule_is_named(folder, capsys, keep, cause):
    assert cause in clean(capsys, code=2, keep=keep)[0]


@pytest.mark.e2e
def test_a_cleaned_study_is_at_rest(project):
    """Snakemake has nothing to do after it, and what is trained later keeps what the rule says."""
    study = {"name": "tiny", "variants": ["vanilla", "odconv"], "datasets": ["ucr/ItalyPowerDemand"], "seeds": [0, 1]}
    study |= {"recipes": {"timeseries": {"width": 0.125, "epochs": 1, "batch_size": 32}}}

    def snakemake(**keys):
        """How many steps it has done, and how many of them trained a run."""
        if keys:
            study.update(keys)
            project.write("config/tiny.yaml", yaml.safe_dump(study))
        done = project.snakemake("--configfile", "config/tiny.yaml")
        text = done.stdout + done.stderr
        if "Nothing to be done" in text:
            return 0, 0
        return tuple(map(int, re.search(r"(\d+) steps to do, (\d+) of them training runs", text).groups()))

    def predictions():
        runs = sorted((project.root / "results/runs/ucr/ItalyPowerDemand").glob("*/seed*"))
        table = records.read("predictions", project.root / "results/tables/predictions.parquet").to_pandas()
        return {f"{place.parent.name}/{place.name}": rows(place) for place in runs}, sorted(set(table.seed))

    assert snakemake(seeds=[0, 1]) == (13, 4)
    assert set(predictions()[0].values()) == {1029}
    # Another rule makes no run again; the study's own copy, the tables and the report are, as for any change of it.
    assert snakemake(keep={"predictions": "first_seed"}) == (5, 0)
    assert predictions()[1] == [0, 1]
    said = project.dynconv("clean", "--study", "config/tiny.yaml", "--apply").stdout
    assert re.search(r"^predictions beyond `keep: {predictions: first_seed}` +3 .* yes$", said, re.M)
    full, empty = ({f"{variant}/seed{seed}" for variant in ("odconv", "vanilla")} for seed in (0, 1))
    assert predictions() == (dict.fromkeys(full, 1029) | dict.fromkeys(empty, 0), [0])
    assert snakemake() == (0, 0)
    # What is trained from now on keeps no more than the rule says.
    assert snakemake(seeds=[0, 1, 2])[1] == 2
    counts, seeds = predictions()
    assert counts["vanilla/seed2"] == counts["odconv/seed2"] == 0 and seeds == [0]
    assert snakemake() == (0, 0)
