"""The paper's study, config/config.yaml: what it holds, and the arithmetic of the costs that it says to expect."""

import re

import pytest
from checkout import ROOT

from dynconv import data, models, study
from dynconv.data import ucr_archive
from dynconv.models.factory import build_segmentation
from dynconv.models.macs import count
from dynconv.preflight import preflight

FILE = ROOT / "config/config.yaml"
TEXT = FILE.read_text()
MADE = study.load(FILE)
SERIES = MADE.recipe("ucr/GunPoint", "timeseries")


def test_it_is_five_variants_on_all_datasets_with_ten_seeds():
    names = [dataset.name for dataset in MADE.datasets]
    assert names == ["tiny_imagenet", "voc2012", *(f"ucr/{name}" for name in data.spec("ucr/Fish").members)]
    assert [variant.name for variant in MADE.variants] == [
        "vanilla",
        "hard_attention",
        "soft_local",
        "soft_global",
        "odconv",
    ]
    assert len(list(MADE.runs())) == 5 * 130 * 10 == 6500
    preflight(MADE)


def sums():
    """Every comment `expression = value h`."""
    return re.findall(r"^ +#   ([0-9_e.*/() +]+) = ([0-9.]+) h", TEXT, re.M)


def test_the_hours_it_states_are_what_their_sums_give():
    assert len(sums()) == 7
    for expression, value in sums():
        digits = len(value.partition(".")[2])
        assert eval(expression) == pytest.approx(float(value), abs=0.5001 * 10**-digits), expression
    totals = [int(value) for expression, value in sums() if "(4 + 2) * 10" in expression]
    assert (
        "({} Tiny ImageNet + {} VOC + {} UCR;".format(*totals) in TEXT and f"about {round(sum(totals), -1)} GPU" in TEXT
    )


def test_the_multiply_adds_it_states_are_the_networks():
    recipe = MADE.recipe("tiny_imagenet", "classification")
    stems = [
        count(models.build("vanilla", num_classes=200, depth=recipe.depth, width=recipe.width, stem=stem), (3, 64, 64))
        for stem in ("imagenet", "small")
    ]
    assert "({:.0f} M instead of {:,.0f} M)".format(*(macs.executed / 1e6 for macs in stems)) in TEXT
    assert f"{stems[1].executed / 1e9:.3f}e9 * 3 * 100_000 * {recipe.epochs} /" in TEXT
    recipe = MADE.recipe("voc2012", "segmentation")
    keys = recipe.model_dump(include={"depth", "width", "stem", "output_stride", "head"})
    macs = count(build_segmentation("vanilla", **keys), (3, 512, 512))
    assert f"{macs.executed / 1e9:.2f}e9 * 3 * 10_582 * {recipe.epochs} /" in TEXT


def test_the_steps_and_hours_of_the_archive_are_those_of_its_table():
    network = models.build("vanilla", ndim=1, in_channels=1, num_classes=2, depth=SERIES.depth, width=SERIES.width)
    of_a_step = count(network, (1, 1000)).executed / 1000
    assert f"({of_a_step / 1e6:.2f} M multiply-adds a time step" in TEXT
    steps, macs, hours = 0, 0.0, 0.0
    for facts in ucr_archive.read():
        batches = -(-facts.train // SERIES.batch(facts.train))
        assert batches >= 10 or facts.train < 80
        work = of_a_step * (facts.length or 500) * 3 * facts.train * SERIES.epochs
        steps, macs = steps + batches * SERIES.epochs, macs + work
        hours += max(0.010 * batches * SERIES.epochs, work / 5e12) / 3600
    assert f"{steps:_} * 0.010 /" in TEXT and f"{macs / 1e15:.0f}e15 / 5e12 /" in TEXT
    assert f"#   {hours:.1f} h when each set takes the longer" in TEXT
