"""Nasty tables through the command: one clear line or complete results; no traceback, no warning, nothing dropped."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dynconv import records
from dynconv.cli import main
from dynconv.comparison_tables import COMPARISONS

NAMES = [
    *["a,b", "new\nline", "q\"uo'te", "😀", "<script>alert(1)</script>", "x" * 200, " lead", "trail ", "NA", "None"],
    *["nan", "1", "1.0", "01", "Vanilla", "VANILLA", "vanilla", "é", "e\u0301", "tab\tin", "a;b", "#c", "%s{0}"],
    *["\\x", "../up", "true", "null", "\u202eevil", "all", "exploratory", "0", "-1"],
]
SEEDS = [0, 1, 7, 10**6, 2**53 - 1, -5]
VALUES = {
    "scores": lambda n: 0.7 + 0.05 * n,
    "per cent": lambda n: 70 + 5 * n,
    "equal": lambda n: np.full(n.shape, 0.5),
    "zero": np.zeros_like,
    "one dataset differs": lambda n: np.where(np.arange(n[0].size).reshape(n[0].shape) == 0, np.sign(n), 0),
    "large": lambda n: n * 1e49,
    "small": lambda n: n * 1e-45,
    "large beside small": lambda n: np.where(n > 0, 1e50, 1e-50),
    "negative": lambda n: n - 5,
    "integers": lambda n: np.round(3 * n),
    "few levels": lambda n: np.round(n) / 3,
    "outliers": lambda n: np.where(n > 1.5, 1e6, 0.7 + 0.001 * n),
}
GOOD = pd.DataFrame(
    [(f"d{d}", v, s, 0.5 + 0.01 * d + 0.001 * s) for d in range(3) for v in ("vanilla", "b") for s in range(2)],
    columns=["dataset", "variant", "seed", "value"],
)


@pytest.fixture
def compare(tmp_path, capsys):
    """compare(table, *options, **writing) -> exit code, what was said, and the tables that were written."""

    def run(table, *options, suffix=".csv", **writing):
        path = table
        if isinstance(table, pd.DataFrame):
            path = tmp_path / f"table{suffix}"
            save = table.to_parquet if suffix == ".parquet" else table.to_csv
            save(path, **{"index": False, **writing})
        code = main(["compare", str(path), "--out", str(tmp_path / "out"), "--no-posterior", *options])
        files = {table.name: tmp_path / "out" / f"{table.name}.parquet" for table in COMPARISONS} if code == 0 else {}
        tables = {name: records.read(name, file).to_pandas() for name, file in files.items()}
        said = capsys.readouterr()
        return SimpleNamespace(code=code, error=said.err.strip(), out=said.out, **tables)

    return run


def _table(rng, kind):
    """A table with gaps, failed runs, odd names and one to nine datasets, and options that fit it."""
    shape = (rng.integers(2, 6), rng.choice([1, 2, 4, 9]), rng.choice([1, 2, 4]))
    names = [rng.choice(NAMES, count, replace=False) for count in shape[:2]]
    values = VALUES[kind](np.clip(rng.standard_normal(shape), -3, 3))
    rows = [(names[1][d], names[0][v], SEEDS[s], values[v, d, s]) for v, d, s in np.ndindex(shape)]
    frame = pd.DataFrame(rows, columns=["dataset", "variant", "seed", "value"])
    if rng.random() < 0.5:
        frame["value"] = frame["value"].mask(rng.random(len(frame)) < 0.2)
    if rng.random() < 0.3:
        frame.loc[frame["variant"] == names[0][0], "value"] = np.nan
    if rng.random() < 0.4:
        kept = rng.random(len(frame)) > 0.3
        kept[0] = kept[-1] = True  # two variants, at least
        frame = frame[kept]
    if shape[2] == 1 and rng.random() < 0.5:
        frame = frame.drop(columns="seed")
    frame = frame.assign(extra="z", group=frame["dataset"].map(lambda name: f"g{len(name) % 2}"))
    frame = frame[rng.permutation(frame.columns)].sample(frac=1, random_state=int(rng.integers(1000)))
    options = [f"--control={rng.choice(frame['variant'].unique())}", f"--rope={rng.choice(['0', '0.01', '1e300'])}"]
    options += ["--lower-is-better"] if rng.random() < 0.5 else []
    return frame, [*options, f"--adjustment={rng.choice(['holm', 'shaffer', 'hommel', 'romano_wolf'])}"]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("kind", VALUES)
def test_whatever_is_in_it_a_table_is_compared_completely(compare, kind):
    rng = np.random.default_rng(sorted(VALUES).index(kind))
    for suffix in (".csv", ".parquet"):
        frame, options = _table(rng, kind)
        told = compare(frame, *options, suffix=suffix)
        assert (told.code, told.error) == (0, ""), options
        variants, datasets = frame["variant"].nunique(), frame["dataset"].nunique()
        assert len(told.means) == variants * datasets
        assert (told.means["n_seeds"] + told.means["n_failed"]).sum() == len(frame)
        assert told.means["n_failed"].sum() == frame["value"].isna().sum()
        pairs = told.pairwise
        assert len(pairs) == variants * (variants - 1) // 2
        assert (pairs["n_datasets"] + pairs["n_missing"] == datasets).all()
        assert (pairs["wins"] + pairs["ties"] + pairs["losses"] == pairs["n_datasets"]).all()
        assert pairs["exploratory"].all()
        for table in COMPARISONS:
            found = getattr(told, table.name)
            numbers = found.select_dtypes("number")
            assert not np.isinf(numbers).any(axis=None), table.name
            for low in (name for name in found if name.endswith("ci_low")):
                assert not (found[low] > found[low[:-3] + "high"]).any(), f"{table.name}.{low}"


REFUSED = {
    "too large": (GOOD.assign(value=GOOD["value"] * 1e300), {}, "cannot be computed with; valid: 0, or a size from"),
    "too small": (GOOD.assign(value=GOOD["value"] * 1e-300), {}, "valid: 0, or a size from 1e-50 to 1e+50"),
    "semicolons": (GOOD, {"sep": ";"}, "the columns are separated by ';'; valid: by commas"),
    "tabs": (GOOD, {"sep": "\t"}, r"the columns are separated by '\t'; valid: by commas"),
    "a column twice": (GOOD, {"header": ["dataset", "variant", "value", "value"]}, "column 'value' stands twice"),
    "wide": (GOOD.pivot_table("value", "dataset", "variant"), {"index": True}, "a row for each dataset and variant"),
    "seed is a word": (GOOD.assign(seed="s0"), {}, "column 'seed': row 1 is 's0'; valid: an integer below 2^53"),
    "seed is no float": (GOOD.assign(seed=2**53 + GOOD["seed"]), {}, "'9007199254740992'; valid: an integer below"),
    "header only": (GOOD.head(0), {}, "the table has no rows"),
    "no such control": (GOOD.replace("b", "a\nb"), {}, "valid: 'a\\nb', vanilla"),
    "true and false": (GOOD.assign(value=GOOD["value"] > 0.51), {}, "'False'; valid: a number"),
    "two groups": (GOOD.assign(group=["g", "h"] * 6), {}, "column 'group': dataset 'd0' is in several"),
}


@pytest.mark.parametrize(
    ("case", "suffix"),
    [(case, s) for case in REFUSED for s in (".csv", ".parquet") if s == ".csv" or not REFUSED[case][1]],
)
def test_what_cannot_be_compared_is_one_line(compare, case, suffix):
    frame, writing, message = REFUSED[case]
    told = compare(frame, *(["--control=c"] if case == "no such control" else []), suffix=suffix, **writing)
    assert told.code == 2
    assert message in told.error
    assert len(told.error.splitlines()) == 1


def test_a_file_as_other_programs_write_it(compare, tmp_path):
    for writing in ({"encoding": "utf-8-sig", "lineterminator": "\r\n"}, {"suffix": ".CSV"}, {"quoting": 1}):
        assert compare(GOOD, **writing).means["n_seeds"].sum() == len(GOOD)
    grouped = GOOD.groupby(["dataset", "variant"])[["value"]].mean()  # its keys are pandas' index
    assert len(compare(grouped, suffix=".parquet", index=True).means) == 6
    kept = GOOD.set_index("dataset", drop=False)
    assert compare(kept, suffix=".parquet", index=True).means["n_seeds"].sum() == len(GOOD)
    arrow = pa.Table.from_pandas(GOOD)
    pq.write_table(pa.table([*arrow.columns, arrow["value"]], [*arrow.column_names, "value"]), tmp_path / "t.parquet")
    assert "not a readable parquet table" in compare(tmp_path / "t.parquet").error


def test_tasks_of_very_unequal_size(compare):
    many = pd.concat([GOOD.assign(task="many", dataset=GOOD["dataset"] + f" {i}") for i in range(43)])
    told = compare(pd.concat([many, GOOD[GOOD["dataset"] == "d0"].assign(task="one")]))
    assert told.pairwise.set_index("task")["n_datasets"].to_dict() == {"many": 129, "one": 1}


def test_the_answer_is_told_with_what_should_be_known_of_it(compare):
    better = GOOD.assign(value=GOOD["value"] + 0.1 * (GOOD["variant"] == "b"))
    told = compare(pd.concat([better.assign(dataset=better["dataset"] + f" {i}") for i in range(3)]))
    assert "9/0/0  0.0039  superior" in told.out
    assert "all: b - vanilla: superior: better on 9 of 9 datasets" in told.out
    assert "exploratory: no study declared this analysis" in told.out
    assert "note:" not in told.out
    percent = GOOD.assign(value=100 * GOOD["value"])
    assert "values up to 52.1, perhaps per cent; rope 0.01" in compare(percent).out
    assert "note:" not in compare(percent, "--rope=1").out
    assert "'a\\nb' - vanilla" in compare(GOOD.replace("b", "a\nb")).out


def test_predictions_and_profiles_that_do_not_fit_are_told(compare, tmp_path):
    runs = GOOD.assign(task="classification", metric="accuracy", value=0.5)
    keys = ["dataset", "variant", "seed"]
    predicted = runs[keys].merge(pd.DataFrame({"example_id": range(4), "target": 0}), how="cross").assign(prediction=0)
    file = tmp_path / "predictions.parquet"
    for frame, says in (
        (predicted.assign(dataset="other"), "nothing was computed"),
        (predicted.assign(seed=predicted["seed"] + 9), "nothing was computed"),
        (predicted.head(0), "nothing was computed"),
        (predicted, "the metric computed from them differs by up to 0.5 from the table's"),
    ):
        frame.to_parquet(file)
        assert f"note: predictions: {says}" in compare(runs, f"--predictions={file}").out
    predicted.assign(confusion=[[]] * len(predicted)).to_parquet(file)
    told = compare(runs.assign(task="segmentation", metric="miou"), f"--predictions={file}")
    assert told.code == 2 and "column 'confusion' has lists of [0] counts" in told.error
    profile = tmp_path / "profile.parquet"
    records.write("profile", [{"task": "classification", "dataset": "other", "variant": "b"}], profile)
    assert "note: profile: not used" in compare(runs, f"--profile={profile}").out
    own = runs.rename(columns={"value": "accuracy"}).drop(columns="metric").assign(status="ok")
    own["run_id"] = own["dataset"] + "/" + own["variant"] + "/seed" + own["seed"].astype(str)
    assert "note: profile: no network of the table" in compare(own, f"--profile={profile}", suffix=".parquet").out
