"""Every file of dynconv/data/datasets is tested by being there: toy -> prepare -> open_store -> Batches."""

import subprocess
import sys

import numpy as np
import pytest
import torch

from dynconv import plugins
from dynconv.data import VOID, open_store, spec
from dynconv.data.augment import STEPS, augment
from dynconv.data.batches import Batches
from dynconv.data.prepare import prepare
from dynconv.errors import DynconvError
from dynconv.study import DATASETS, TASKS


def one_name(family):
    members = plugins.load(DATASETS, family).SPEC.members
    return family if members is None else f"{family}/{[*members, 'mine'][0]}"


NAMES = [one_name(family) for family in plugins.names(DATASETS)]


@pytest.fixture(scope="module", params=NAMES)
def name(request):
    return request.param


@pytest.fixture(scope="module")
def toy(name, tmp_path_factory):
    meta = prepare(name, tmp_path_factory.mktemp("toy"), toy=True)
    return open_store(meta.parent, name)


def test_spec_says_where_the_data_are_from(name):
    declared = spec(name)
    assert declared.task in TASKS
    assert all((declared.title, declared.source, declared.licence, declared.citation, declared.split_rule))


def test_arrays_have_the_form_of_their_task(toy):
    for split in (toy.train, toy.test):
        forms = {
            "classification": ("uint8", 4, "int64", 1),
            "segmentation": ("uint8", 4, "uint8", 3),
            "timeseries": ("float32", 3, "int64", 1),
        }
        assert (split.x.dtype, split.x.ndim, split.y.dtype, split.y.ndim) == forms[toy.meta["task"]]
        assert len(split.x) == len(split.y)
        labels = np.unique(split.y)
        assert set(labels[labels != VOID] if split.y.ndim == 3 else labels) <= set(range(len(toy.meta["classes"])))
    assert toy.meta["counts"] == {"train": len(toy.train.x), "test": len(toy.test.x)}


def test_meta_describes_the_data(name, toy):
    assert toy.meta["toy"] is True
    assert toy.meta["name"] == name
    assert toy.meta["shape"] == toy.train.x.shape[1:]
    assert len(toy.meta["classes"]) >= 2
    assert toy.meta["split_rule"] == spec(name).split_rule


def test_batches_are_normalised(toy):
    x, y = Batches(toy.train, toy.meta, "cpu").get(torch.arange(len(toy.train.x)))
    assert x.dtype == torch.float32 and y.dtype == torch.int64
    values = x.movedim(1, -1)
    values = values[y != VOID] if y.ndim == 3 else values.flatten(0, -2)
    assert torch.allclose(values.mean(0), torch.zeros(x.shape[1]), atol=1e-4)
    assert torch.allclose(values.std(0, correction=0), torch.ones(x.shape[1]), atol=1e-3)


def test_every_step_of_its_task_runs(toy):
    task, ids = toy.meta["task"], torch.arange(2)
    x, y = Batches(toy.train, toy.meta, "cpu").get(ids)
    for step in (step for step in STEPS if task in STEPS[step].tasks):
        new_x, new_y = augment(x, y, [step], seed=0, epoch=0, ids=ids, task=task)
        assert new_x.shape == x.shape and new_x.isfinite().all()
        assert new_y.shape == y.shape and new_y.dtype == y.dtype


def test_two_toys_are_the_same(name, toy, tmp_path):
    again = open_store(prepare(name, tmp_path, toy=True).parent, name)
    assert again.meta["dataset_hash"] == toy.meta["dataset_hash"]


def test_missing_files_are_named(name, tmp_path):
    """Without the network either the data are with us, or the error says which file must be where."""
    try:
        prepare(name, tmp_path, download=False)
    except DynconvError as error:
        assert str(tmp_path / "_raw") in str(error) and "no such file" in str(error)
        assert not (tmp_path / name).exists()
    else:
        assert open_store(tmp_path / name, name).meta["toy"] is False


def test_declarations_import_neither_torch_nor_aeon():
    code = (
        "import sys, dynconv.data, dynconv.data.prepare\n"
        f"for name in {NAMES!r}: dynconv.data.spec(name)\n"
        "print([m for m in ('torch', 'aeon', 'sklearn', 'PIL') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("wrong", "part"),
    [
        ("digit", "digits, imagenet_folder"),
        ("ucr/Gunpoint", "did you mean ucr/GunPoint?"),
        ("ucr", "name a member"),
        ("ucr/", "name a member"),
        ("digits/8", "digits has no members"),
        ("imagenet_folder", "name data of your own, as in imagenet_folder/pets"),
        ("imagenet_folder/..", "name data of your own, as in imagenet_folder/pets"),
        ("imagenet_folder/a/../../b", "name data of your own, as in imagenet_folder/pets"),
    ],
)
def test_wrong_names(wrong, part):
    with pytest.raises(DynconvError) as error:
        spec(wrong)
    assert part in str(error.value) and "\n" not in str(error.value)


def test_a_toy_never_replaces_a_real_dataset(tmp_path):
    prepare("digits", tmp_path, download=False)
    before = (tmp_path / "digits" / "meta.json").read_bytes()
    with pytest.raises(DynconvError, match="holds the real digits"):
        prepare("digits", tmp_path, toy=True)
    assert (tmp_path / "digits" / "meta.json").read_bytes() == before


def test_digits_are_split_by_class(data):
    digits = open_store(data / "digits", "digits")
    assert len(digits.train.x) + len(digits.test.x) == 1797
    assert digits.train.x.max() == 255
    of_class = np.bincount(digits.train.y) + np.bincount(digits.test.y)
    assert (np.bincount(digits.test.y) == of_class // 4).all()


def test_tiny_imagenet_reads_the_published_layout(tmp_path, small):
    from dynconv.data.datasets import tiny_imagenet

    raw = tmp_path / "_raw" / "tiny_imagenet"
    raw.mkdir(parents=True)
    tiny_imagenet.toy(raw, "")
    prepared = open_store(prepare("tiny_imagenet", tmp_path, download=False).parent, "tiny_imagenet")
    assert prepared.meta["classes"] == ("n02124075", "n01443537", "n04067472")  # the order of wnids.txt, not sorted
    assert prepared.train.y.tolist() == [0] * 6 + [1] * 6 + [2] * 6
    assert prepared.test.y.tolist() == [0, 0, 1, 1, 2, 2]
    grey, colour = prepared.train.x[6].astype(int), prepared.train.x[7].astype(int)
    assert (grey[0] == grey[1]).all() and (grey[0] == grey[2]).all()
    assert colour[1].mean() > colour[0].mean() + 60  # the toy's class 1 is green

    (raw / "tiny-imagenet-200" / "val" / "images" / "val_3.JPEG").write_bytes(b"\xff\xd8 not an image")
    with pytest.raises(DynconvError, match=r"val_3\.JPEG: not a readable image"):
        prepare("tiny_imagenet", tmp_path, download=False, force=True)
    assert open_store(tmp_path / "tiny_imagenet", "tiny_imagenet").meta == prepared.meta
