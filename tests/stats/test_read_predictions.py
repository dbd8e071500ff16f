"""Predictions are read as they are: by dataset, whatever the order of rows, and with what is wrong in them said."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dynconv import records
from dynconv.errors import DynconvError
from dynconv.stats.grid import grids
from dynconv.stats.predictions import Confusions, Labels, PredictionFile


def labels(dataset="d", variant="v", seed=0, target=(0, 1, 2), prediction=(0, 1, 1)):
    n = len(target)
    rows = {"run_id": f"{dataset}/{variant}/{seed}", "dataset": dataset, "variant": variant, "seed": seed}
    return pd.DataFrame({**rows, "example_id": np.arange(n), "target": target, "prediction": prediction})


def write(path, *frames, group=None):
    """As `dynconv collect` does: one run after the other, a row group each (or groups of `group` rows)."""
    table = records.to_table("predictions", pd.concat(frames, ignore_index=True))
    pq.write_table(table, path, row_group_size=group or max(1, len(frames[0])))
    return PredictionFile(path)


def test_a_dataset_comes_back_sorted_and_alone(tmp_path):
    frames = [labels(seed=1), labels(variant="a", prediction=(2, 1, 2)), labels("other"), labels()]
    got = write(tmp_path / "p.parquet", *frames).load("d")
    assert isinstance(got, Labels)
    assert got.runs == [("a", 0), ("v", 0), ("v", 1)]
    assert got.examples.tolist() == got.target.tolist() == [0, 1, 2]
    assert got.correct.T.tolist() == [[0, 1, 1], [1, 1, 0], [1, 1, 0]]
    assert got.present.all()


@pytest.mark.parametrize("group", [1, 2, 5, 100])
def test_the_order_of_rows_and_the_row_groups_do_not_matter(tmp_path, group):
    frames = [labels(d, v, s) for d in ("d", "d2") for v in ("a", "b") for s in (0, 10)]
    shuffled = pd.concat(frames).sample(frac=1, random_state=0)
    got = write(tmp_path / "shuffled.parquet", shuffled, group=group).load("d2")
    expected = write(tmp_path / "p.parquet", *frames).load("d2")
    assert got.runs == expected.runs
    assert (got.correct == expected.correct).all()
    assert (got.target == expected.target).all()


def test_a_dataset_that_is_not_there(tmp_path):
    assert write(tmp_path / "p.parquet", labels("a"), labels("c")).load("b") is None


def test_examples_that_a_run_lacks_are_marked(tmp_path):
    got = write(tmp_path / "p.parquet", labels(), labels(seed=1).iloc[1:]).load("d")
    assert got.present.T.tolist() == [[True] * 3, [False, True, True]]
    assert got.target.tolist() == [0, 1, 2]


def test_confusions_become_hits_union_and_pixels(tmp_path):
    rng = np.random.default_rng(0)
    matrices = rng.integers(0, 2**40, (4, 3, 3))  # too large for float32, exact in float64
    frame = labels(target=[0] * 4, prediction=[0] * 4).drop(columns=["target", "prediction"])
    frame["confusion"] = [matrix.ravel().tolist() for matrix in matrices]
    got = write(tmp_path / "p.parquet", frame, group=2).load("d")
    assert isinstance(got, Confusions)
    for image, matrix in enumerate(matrices):
        assert got.hits[image, 0].tolist() == matrix.diagonal().tolist()
        union = [matrix[c].sum() + matrix[:, c].sum() - matrix[c, c] for c in range(3)]
        assert got.union[image, 0].tolist() == union
        assert got.pixels[image] == matrix.sum()


def test_labels_and_confusions_share_a_file(tmp_path):
    masks = labels("masks").drop(columns=["target", "prediction"]).assign(confusion=[[1, 0, 0, 1]] * 3)
    file = write(tmp_path / "p.parquet", labels("images"), masks, group=100)
    assert isinstance(file.load("images"), Labels)
    assert isinstance(file.load("masks"), Confusions)


@pytest.mark.parametrize(
    ("frames", "message"),
    [
        ([labels(), labels()], r"variant 'v', seed 0: example 0 stands more than once; valid: one row"),
        ([labels(), labels(seed=1, target=(0, 2, 2))], r"seed 1: example 1 has another target than in an earlier run"),
        ([labels().assign(prediction=pd.array([0, None, 1], "Int64"))], r"column 'prediction' has nulls"),
        (
            [labels().assign(confusion=[[1] * 4, [1] * 4, [1] * 9])],
            r"lists of \[4, 9\] counts; valid: lists of classes \* classes",
        ),
        ([labels().assign(confusion=[[1, 2]] * 3)], r"lists of \[2\] counts"),
        (
            [labels().assign(confusion=[[1] * 4] * 3), labels(seed=1).assign(confusion=[[1] * 9] * 3)],
            r"(another number of classes than variant 'v', seed 0)|(lists of \[4, 9\] counts)",
        ),
    ],
)
def test_what_is_wrong_is_said(tmp_path, frames, message):
    file = tmp_path / "p.parquet"
    records.to_table("predictions", frames[0])
    table = pa.concat_tables([records.to_table("predictions", frame) for frame in frames])
    pq.write_table(table, file)
    with pytest.raises(DynconvError, match=message):
        PredictionFile(file).load("d")


def test_files_that_are_not_predictions(tmp_path):
    path = tmp_path / "p.parquet"
    with pytest.raises(DynconvError, match="no such file"):
        PredictionFile(path)
    path.write_text("no Parquet")
    with pytest.raises(DynconvError, match="not a readable Parquet file"):
        PredictionFile(path)
    for frame, message in (
        (labels().drop(columns="seed"), "column 'seed' is missing; valid: dataset, example_id"),
        (labels().drop(columns="target"), "neither target and prediction nor confusion"),
        (labels().assign(example_id=["x", "y", "z"]), "column 'example_id' is .*string; valid: integers"),
        (labels().assign(dataset=["d", None, "d"]), "column 'dataset' has nulls"),
        (labels().assign(variant=1), "column 'variant' is int64; valid: text"),
    ):
        frame.to_parquet(path)
        with pytest.raises(DynconvError, match=message):
            PredictionFile(path)


def test_anyones_file_needs_no_more_than_the_columns_used(tmp_path):
    labels().drop(columns="run_id").assign(more=1.5).to_parquet(tmp_path / "p.parquet")
    assert PredictionFile(tmp_path / "p.parquet").load("d").correct.sum() == 2


def test_runs_with_value_leaves_failed_runs_out():
    frame = pd.DataFrame({"dataset": ["d", "d"], "variant": ["a", "b"], "seed": [0, 1], "value": [0.5, np.nan]})
    (grid,) = grids(frame.assign(task="t", metric="accuracy"))
    assert grid.runs_with_value() == {"d": {("a", 0): 0.5}}
