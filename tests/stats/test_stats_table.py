"""Reading: both forms of table, both kinds of file, and every bad table with its one-line error."""

import numpy as np
import pandas as pd
import pytest

from dynconv import records
from dynconv.errors import DynconvError
from dynconv.stats.compare import compare
from dynconv.stats.table import load
from dynconv.stats.tidy import COLUMNS

GOOD = pd.DataFrame(
    {"dataset": ["d1", "d1", "d2", "d2"], "variant": ["vanilla", "odconv"] * 2, "value": [0.5, 0.6, 0.7, 0.8]}
)


def _save(frame, folder, kind):
    path = folder / f"table.{kind}"
    frame.to_csv(path, index=False) if kind == "csv" else frame.to_parquet(path)
    return path


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_least_table(tmp_path, kind):
    frame = load(_save(GOOD, tmp_path, kind))
    assert list(frame.columns) == COLUMNS
    assert frame[["task", "metric", "seed"]].drop_duplicates().to_numpy().tolist() == [["all", "value", 0]]
    assert frame.set_index(["dataset", "variant"])["value"].to_dict() == {
        ("d1", "odconv"): 0.6,
        ("d1", "vanilla"): 0.5,
        ("d2", "odconv"): 0.8,
        ("d2", "vanilla"): 0.7,
    }


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_odd_names_survive(tmp_path, kind):
    names = ["<script>alert(1)</script>", "two words", "Größe ∅", "NA", "None", "a,b", '"quoted"', "1.0"]
    frame = pd.concat([GOOD.assign(dataset=name) for name in names]).drop_duplicates(["dataset", "variant"])
    frame["variant"] = frame["variant"].replace("odconv", "nan")
    read = load(_save(frame, tmp_path, kind))
    assert sorted(set(read["dataset"])) == sorted(names)
    result = compare(read, resamples=100)
    assert set(result["means"]["dataset"]) == set(names)
    assert result["pairwise"]["variant_a"].to_list() == ["nan"]
    records.write("means", result["means"], tmp_path / "means.parquet")


@pytest.mark.parametrize("word", ["", "nan", "NaN", "N/A", "null"])
def test_missing_values_in_csv_are_failed_runs(tmp_path, word):
    frame = load(_save(GOOD.assign(value=["0.5", word, "0.7", "0.8"]), tmp_path, "csv"))
    assert frame["value"].isna().sum() == 1
    means = compare(frame, resamples=100)["means"].set_index(["dataset", "variant"])
    assert means.loc[("d1", "odconv"), ["n_seeds", "n_failed"]].to_list() == [0, 1]


def test_a_csv_number_is_read_exactly(tmp_path):
    values = np.random.default_rng(0).random(4)
    frame = load(_save(GOOD.assign(value=[repr(float(v)) for v in values]), tmp_path, "csv"))
    assert set(frame["value"]) == set(values)


def _runs(**columns):
    rows = []
    for task, metric in (("classification", "accuracy"), ("segmentation", "miou")):
        for i, variant in enumerate(["vanilla", "odconv"]):
            for seed in range(3):
                run = f"{task}_set/{variant}/seed{seed}"
                row = {"run_id": run, "task": task, "dataset": f"{task}_set", "variant": variant, "seed": seed}
                rows.append(row | {"status": "ok", metric: 0.5 + 0.1 * i + 0.01 * seed, "loss": 1.0 + seed})
    return pd.DataFrame(rows).assign(**columns)


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_runs_use_the_primary_metric_of_each_task(tmp_path, kind):
    records.to_table("runs", _runs())  # the test's table is a real one
    frame = load(_save(_runs(), tmp_path, kind))
    chosen = frame[["task", "metric"]].drop_duplicates().to_numpy().tolist()
    assert chosen == [["classification", "accuracy"], ["segmentation", "miou"]]
    assert len(frame) == 12
    assert frame["value"].notna().all()


def test_runs_with_another_metric(tmp_path):
    path = _save(_runs(), tmp_path, "parquet")
    assert set(load(path, metric="loss", lower_is_better=True)["value"]) == {1.0, 2.0, 3.0}
    mixed = load(path, metric={"classification": "loss"}, lower_is_better=True)
    assert mixed.groupby("task")["metric"].first().to_dict() == {"classification": "loss", "segmentation": "miou"}
    with pytest.raises(DynconvError, match="'loss' is better when lower"):
        load(path, metric="loss")


def test_a_failed_run_never_counts_as_a_number(tmp_path):
    runs = _runs()
    runs.loc[0, "status"] = "failed"  # its row still holds accuracy 0.5
    means = compare(load(_save(runs, tmp_path, "parquet")), resamples=100)["means"]
    cell = means[(means["task"] == "classification") & (means["variant"] == "vanilla")].iloc[0]
    assert (cell["n_seeds"], cell["n_failed"]) == (2, 1)
    assert cell["mean"] == pytest.approx((0.51 + 0.52) / 2)


def test_several_metrics(tmp_path):
    both = pd.concat([GOOD.assign(metric="f1"), GOOD.assign(metric="auc", value=0.1)])
    path = _save(both, tmp_path, "csv")
    assert set(load(path, metric="auc")["value"]) == {0.1}
    assert set(load(path, metric={"all": "f1"})["metric"]) == {"f1"}
    one = _save(GOOD.assign(metric="f1", task="classification"), tmp_path, "parquet")
    assert set(load(one, metric={"classification": "accuracy"})["metric"]) == {"f1"}  # a study's plan, another's table


BAD = {
    "missing column": (GOOD.drop(columns="value"), {}, "column 'value' is missing"),
    "non-numeric": (GOOD.assign(value=["0.5", "good", "0.7", "0.8"]), {}, "column 'value': row 2 is 'good'"),
    "decimal comma": (GOOD.assign(value=["0,5", "0,6", "0,7", "0,8"]), {}, "column 'value': row 1 is '0,5'"),
    "infinite": (GOOD.assign(value=[0.5, np.inf, 0.7, 0.8]), {}, "infinite at dataset 'd1', variant 'odconv'"),
    "repeated": (pd.concat([GOOD, GOOD]), {}, "stands more than once"),
    "several metrics": (pd.concat([GOOD.assign(metric="f1"), GOOD.assign(metric="auc")]), {}, "valid: auc, f1"),
    "metric not there": (GOOD.assign(metric="f1"), {"metric": "auc"}, "no 'auc' in task 'all'; valid: f1"),
    "no metric column": (GOOD, {"metric": "auc"}, "no column 'metric'"),
    "percentages": (GOOD.assign(value=[0.5, 0.6, 70.0, 80.0]), {}, "mixes fractions and percentages"),
    "no rows": (GOOD.head(0), {}, "no rows"),
    "empty name": (GOOD.assign(dataset=["d1", "", "d2", "d2"]), {}, "column 'dataset': row 2 is empty"),
    "seed not whole": (GOOD.assign(seed=[0, 0.5, 0, 0]), {}, "column 'seed': row 2 is"),
    "no such status": (_runs(status="done"), {}, "unknown 'done'; valid: failed, ok"),
    "no such metric": (_runs(), {"metric": "f1"}, "no values of metric 'f1'; valid: accuracy, loss"),
    "metric of another task": (_runs(), {"metric": "miou"}, "'classification' has no values of metric 'miou'"),
}


@pytest.mark.parametrize("kind", ["csv", "parquet"])
@pytest.mark.parametrize("case", BAD)
def test_bad_tables(tmp_path, kind, case):
    frame, options, message = BAD[case]
    path = _save(frame, tmp_path, kind)
    with pytest.raises(DynconvError) as error:
        load(path, **options)
    text = str(error.value)
    assert text.startswith(str(path)), text
    assert message in text
    assert "\n" not in text


def test_unreadable_files(tmp_path):
    for name, content, message in (
        ("x.parquet", b"not parquet", "not a readable parquet table"),
        ("x.csv", b"", "not a readable csv table"),
        ("y.csv", b"dataset,variant,value\n\xff\xfe\x00,a,1\n", "not a readable csv table"),
        ("z.csv", b"dataset,variant,value\nd,v,1\nd,v,1,2,3\n", "not a readable csv table"),
        ("x.xlsx", b"", "unknown kind of table '.xlsx'; valid: .csv, .parquet"),
    ):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(DynconvError, match=message) as error:
            load(tmp_path / name)
        assert name in str(error.value)
    with pytest.raises(DynconvError, match="no such file"):
        load(tmp_path / "absent.csv")


def test_scales_that_only_look_like_percentages(tmp_path):
    speedups = _save(GOOD.assign(value=[0.8, 1.2, 2.0, 3.0]), tmp_path, "csv")
    assert len(load(speedups)) == 4
    seconds = _save(GOOD.assign(value=[0.5, 0.6, 70.0, 80.0]), tmp_path, "csv")
    assert len(load(seconds, lower_is_better=True)) == 4


def test_unknown_control_names_the_variants(tmp_path):
    path = _save(GOOD, tmp_path, "csv")
    with pytest.raises(DynconvError, match=r"control 'resnet' is not in task 'all'; valid: odconv, vanilla") as error:
        compare(load(path), control="resnet")
    assert str(path) in str(error.value)
