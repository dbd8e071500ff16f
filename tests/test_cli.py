"""The command line: bad input is one line, exit code 2, and nothing is lost."""

import signal
import subprocess
import sys

import pandas as pd
import pytest
from checkout import ROOT

from dynconv import records
from dynconv.cli import _parser, main
from dynconv.stopping import SIGNALS

DEMO = str(ROOT / "config/demo.yaml")
TRAIN = ["train", "--study", DEMO, "--variant", "vanilla", "--dataset", "digits", "--seed", "0", "--out", "out"]


@pytest.fixture(autouse=True)
def own_signals():
    """`train` takes signals for the rest of its process, which here is that of the tests."""
    before = {number: signal.getsignal(number) for number in SIGNALS}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def said(capsys, *words):
    """Exit code and the lines on stderr."""
    code = main([str(word) for word in words])
    return code, capsys.readouterr().err.splitlines()


def replaced(words, old, new):
    return [new if word == old else word for word in words]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (replaced(TRAIN, "vanilla", "vanilia"), "unknown variant 'vanilia'; valid: "),
        (replaced(TRAIN, "digits", "letters"), "unknown dataset 'letters'; valid: "),
        (replaced(TRAIN, DEMO, "no.yaml"), "no.yaml: no such study"),
        (replaced(TRAIN, "0", "77"), "seed 77 is not in study demo; valid: 0, 1, 2"),
        ([*TRAIN, "--device", "abacus"], "unknown device 'abacus'; valid: auto, cpu"),
        ([*TRAIN, "--device", "meta"], "'meta' is not supported; valid: auto, cpu"),
        ([*TRAIN, "--data", "nowhere"], "nowhere"),
        (["prepare", "letters", "--data", "d"], "unknown dataset 'letters'; valid: "),
        (["prepare", "ucr/Gunpoint", "--data", "d"], "did you mean ucr/GunPoint?"),
        (["prepare", "tiny_imagenet", "--data", "d", "--no-download"], "tiny"),
        (["collect", "nowhere", "--out", "t"], "nowhere: no such folder of runs"),
        (["compare", "nowhere.csv", "--out", "s"], "nowhere.csv"),
        (["report", "--results", "nowhere"], "nowhere"),
        (["new", "variant", "vanilla"], "exists already"),
        (["new", "dataset", "Not-A-Name"], "cannot name a dataset; valid: lower-case"),
        (["new", "variant", "class"], "cannot name a variant"),
    ],
)
def test_bad_input_is_one_line(capsys, tmp_path, monkeypatch, words, expected):
    monkeypatch.chdir(tmp_path)
    code, lines = said(capsys, *words)
    assert code == 2 and len(lines) == 1 and expected in lines[0]
    assert lines[0].startswith(f"dynconv {words[0]}: error: ")
    assert not list(tmp_path.rglob("*.parquet"))


def test_a_truncated_array_is_found_before_training(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["prepare", "digits", "--toy"]) == 0
    array = tmp_path / "data/digits/train_x.npy"
    array.write_bytes(array.read_bytes()[:-10])
    code, lines = said(capsys, *TRAIN)
    assert code == 2 and len(lines) == 1 and "train_x.npy" in lines[0]


def test_toy_data_is_no_benchmark(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    main(["prepare", "digits", "--toy"])
    code, lines = said(capsys, *TRAIN)
    assert code == 2 and "holds the toy of digits" in lines[0]


def test_an_altered_array_is_found_before_training(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    main(["prepare", "digits", "--toy"])
    array = tmp_path / "data/digits/train_x.npy"
    content = bytearray(array.read_bytes())
    content[-1] ^= 1
    array.write_bytes(content)
    code, lines = said(capsys, *TRAIN)
    assert code == 2 and "train_x.npy" in lines[0] and "sha256" in lines[0]


@pytest.mark.parametrize("write", [pd.DataFrame.to_csv, pd.DataFrame.to_parquet])
def test_compare_takes_anyones_table(capsys, tmp_path, write):
    rows = [
        {"dataset": f"d{d}", "variant": v, "seed": s, "value": 0.5 + 0.01 * d + (0.1 if v == "new" else 0) + 0.001 * s}
        for d in range(8)
        for v in ("old", "new")
        for s in range(3)
    ]
    table = tmp_path / f"t.{'csv' if write is pd.DataFrame.to_csv else 'parquet'}"
    write(pd.DataFrame(rows), table, index=False)
    assert main(["compare", str(table), "--control", "old", "--out", str(tmp_path / "s")]) == 0
    pair = records.read("pairwise", tmp_path / "s/pairwise.parquet").to_pylist()[0]
    assert (pair["variant_a"], pair["wins"], pair["verdict"]) == ("new", 8, "superior")
    assert pair["mean_diff"] == pytest.approx(0.1) and pair["p_wilcoxon"] == pytest.approx(2 / 2**8)


def test_lists_and_plans(capsys):
    for words in (["list", "variants"], ["list", "datasets"], ["plan", "--study", DEMO]):
        assert main(words) == 0
    out = capsys.readouterr().out
    assert "odconv" in out and "shapes_voc" in out and "75 runs" in out and "cannot reject" in out


def test_help_starts_without_torch():
    code = "import sys; from dynconv import cli; cli._parser(); sys.exit(bool({'torch', 'pandas'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_the_strategies_of_the_command_are_those_of_the_recipe():
    from typing import get_args

    from dynconv.recipe import Strategy

    parser = _parser()
    for strategy in get_args(Strategy):
        words = ["train", "--study", "F", "--dataset", "d", "--variant", "v", "--seed", "0", "--out", "o"]
        assert parser.parse_args([*words, "--strategy", strategy]).strategy == strategy
    with pytest.raises(SystemExit):
        parser.parse_args([*words, "--strategy", "other"])
