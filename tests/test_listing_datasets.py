"""`dynconv list datasets`: the published sizes before preparing, those of the arrays after it, and what is on disk."""

import re

import pytest
import yaml

from dynconv import listing_datasets, plugins
from dynconv.cli import main
from dynconv.data import Facts, Spec, spec
from dynconv.data.prepare import prepare
from dynconv.data.store import read_meta
from dynconv.listing_datasets import table
from dynconv.study import DATASETS, parse


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Two members of a family, one of them a toy; files that are not prepared; a damaged store; the rest not there."""
    folder = tmp_path_factory.mktemp("data")
    prepare("ucr/ItalyPowerDemand", folder, download=False)
    prepare("ucr/GunPoint", folder, toy=True)
    plugins.load(DATASETS, "shapes_voc").download(folder / "_raw/shapes_voc", "")
    meta = prepare("digits", folder, toy=True)
    meta.write_text("{}")
    (folder / "_raw/voc2012").mkdir()
    (folder / "_raw/voc2012/.part").write_bytes(b"unfinished")
    return folder


def lines(data, study=None, members=False):
    return {line.name: line for line in table(study, data, members)}


def cells(line):
    return dict(
        zip(("dataset", "task", "shape", "classes", "train", "test", "state", "disk"), line.cells(), strict=True)
    )


def on_disk(folder):
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def test_states_and_sizes(data):
    found = lines(data)
    states = {name: line.state for name, line in found.items()}
    assert (
        states
        | {
            "digits": "damaged",
            "shapes_voc": "raw only",
            "tiny_imagenet": "-",
            "ucr/* (128)": "1 of 128 prepared, 1 toy",
            "voc2012": "-",
        }
        == states
    )
    published = cells(found["tiny_imagenet"])
    assert [published[key] for key in ("shape", "classes", "train", "test")] == ["3x64x64", "200", "100000", "10000"]
    assert published["disk"] == "" and found["voc2012"].size == 0
    assert found["shapes_voc"].size == on_disk(data / "_raw/shapes_voc") > 0
    assert found["ucr/* (128)"].size == on_disk(data / "ucr") > 0
    family = cells(found["ucr/* (128)"])
    spans = [family[key] for key in ("shape", "classes", "train", "test")]
    assert spans == ["1x15-2844", "2-60", "12-8926", "12-16800"]


def test_members(data):
    found = lines(data, members=True)
    assert sum(name.startswith("ucr/") for name in found) == len(spec("ucr/GunPoint").members) == 128
    power, toy, other = (cells(found[f"ucr/{name}"]) for name in ("ItalyPowerDemand", "GunPoint", "ACSF1"))
    meta = read_meta(data / "ucr/ItalyPowerDemand/meta.json")
    assert (power["train"], power["test"]) == tuple(str(meta.counts[split]) for split in ("train", "test"))
    assert (power["shape"], power["classes"], power["state"]) == ("1x24", "2", "prepared")
    assert (toy["train"], toy["state"]) == ("12", "toy")
    assert other["state"] == "-" and other["disk"] == ""
    (data / "_raw/ucr/ACSF1").mkdir(parents=True)
    (data / "_raw/ucr/ACSF1/ACSF1_TRAIN.ts").write_bytes(b"x" * 10)
    assert cells(lines(data, members=True)["ucr/ACSF1"])["state"] == "raw only"


def test_prepared_arrays_outdo_what_was_published(tmp_path):
    assert lines(tmp_path)["digits"].facts == [Facts((1, 8, 8), 10, 1352, 445)]
    prepare("digits", tmp_path, toy=True)
    line = lines(tmp_path)["digits"]
    assert line.facts[0].train < 80 and line.state == "toy"


@pytest.mark.parametrize("name", ["digits", "shapes_voc"])
def test_published_facts_are_those_of_the_arrays(name, tmp_path):
    meta = read_meta(prepare(name, tmp_path, download=False))
    its = Facts(meta.shape, len(meta.classes), meta.counts["train"], meta.counts["test"])
    assert spec(name).facts == its


def test_a_family_may_know_its_members(data, monkeypatch):
    known = {"a": Facts((1, 30), 2, 10, 20), "b": Facts((1, 5), 3, 1000), "c": Facts()}
    made = Spec("timeseries", "t", "s", "l", "c", "r", members=tuple(known), member_facts=known.__getitem__)
    monkeypatch.setattr(listing_datasets.plugins, "names", lambda package: ["family"])
    monkeypatch.setattr(listing_datasets.plugins, "load", lambda package, name: type("Module", (), {"SPEC": made}))
    (line,) = table(None, data, False)
    assert line.cells() == ["family/* (3)", "timeseries", "1x5-30", "2-3", "10-1000", "20", "-", ""]
    assert [line.cells()[4] for line in table(None, data, True)] == ["10", "1000", ""]


def test_of_a_study(data):
    content = {"name": "s", "variants": ["vanilla", "odconv"], "seeds": 1}
    few = parse(content | {"datasets": ["digits", "ucr/GunPoint", "ucr/ItalyPowerDemand"]}, "s")
    assert [*lines(data, few)] == ["digits", "ucr/GunPoint", "ucr/ItalyPowerDemand"]
    members = [f"ucr/{name}" for name in spec("ucr/GunPoint").members if name != "GunPoint"]
    many = parse(content | {"datasets": ["tiny_imagenet", *members]}, "s")
    assert {name: line.state for name, line in lines(data, many).items()} == {
        "tiny_imagenet": "-",
        "ucr/* (127)": "1 of 127 prepared",
    }
    assert [*lines(data, many, members=True)] == ["tiny_imagenet", *members]


def listed(capsys, *words):
    assert main(["list", "datasets", *map(str, words)]) == 0
    return capsys.readouterr().out.splitlines()


def test_a_dataset_is_one_line_where_no_terminal_reads(data, capsys, monkeypatch):
    monkeypatch.delenv("COLUMNS", raising=False)
    said = listed(capsys, "--data", data)
    assert said[0].split() == ["dataset", "task", "shape", "classes", "train", "test", "state", "on", "disk"]
    assert len([line for line in said if line.startswith("shapes_voc ")]) == 1
    assert said[-1].startswith(f"digits: {data}/digits/meta.json: key 'name'") and "prepare" in said[-1]
    assert any("1 of 128 prepared, 1 toy" in line for line in said)


def test_a_narrow_terminal_folds_between_words(data, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    said = [line for line in listed(capsys, "--data", data) if not line.startswith("digits: ")]
    assert max(map(len, said)) <= 80
    for word in ("classification", "segmentation", "tiny_imagenet", "3x512x512", "100000", "prepared"):
        assert any(word in re.split(r"[ ,]", line) for line in said), word


def test_the_studys_folder_is_the_default(data, capsys, tmp_path):
    content = {"name": "s", "variants": ["vanilla", "odconv"], "seeds": 1, "datasets": ["ucr/ItalyPowerDemand"]}
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(content | {"data": str(data)}))
    assert "prepared" in listed(capsys, "--study", tmp_path / "study.yaml")[1]
    assert "prepared" not in listed(capsys, "--study", tmp_path / "study.yaml", "--data", tmp_path)[1]
