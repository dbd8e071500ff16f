"""One word for many datasets: patterns and subsets, and whose recipe keys win."""

import re

import pytest
import yaml
from checkout import ROOT

from dynconv import plugins, study
from dynconv.errors import DynconvError
from dynconv.expand import expand, merge
from dynconv.study import DATASETS

SPEC = plugins.load(DATASETS, "ucr").SPEC
GUNS = ["ucr/GunPoint", "ucr/GunPointAgeSpan", "ucr/GunPointMaleVersusFemale", "ucr/GunPointOldVersusYoung"]


@pytest.mark.parametrize(
    ("word", "names"),
    [
        ("digits", ["digits"]),
        ("ucr/GunPoint", ["ucr/GunPoint"]),
        ("ucr/*", [f"ucr/{name}" for name in SPEC.members]),
        ("ucr/Gun*", GUNS),
        ("ucr/*Gun*Y*", GUNS[-1:]),
        ("ucr/Cricket[XZ]", ["ucr/CricketX", "ucr/CricketZ"]),
        ("ucr/PigC??", ["ucr/PigCVP"]),
        ("ucr_hrm", ["ucr/Fungi"]),
        (
            "ucr_missing",
            [f"ucr/{n}" for n in ("DodgerLoopDay", "DodgerLoopGame", "DodgerLoopWeekend")]
            + ["ucr/MelbournePedestrian"],
        ),
    ],
)
def test_a_word_names_datasets_in_their_family_s_order(word, names):
    assert expand(word) == names


@pytest.mark.parametrize(
    ("word", "parts"),
    [
        ("ucr113", ["unknown dataset 'ucr113'", "did you mean 'ucr112'", "digits", "ucr_image", "voc2012"]),
        ("urc/GunPoint", ["unknown dataset 'urc/GunPoint'", "did you mean 'ucr'", "valid:"]),
        ("ucr/gunpoint*", ["no member of ucr matches", "did you mean GunPoint, GunPointAgeSpan", "ucr/*, ucr112"]),
        ("ucr/Gunpiont*", ["no member of ucr matches", "did you mean GunPoint"]),
        ("digits/*", ["digits has no members; valid: digits"]),
        ("*", ["unknown dataset '*'", "valid:"]),
    ],
)
def test_a_word_for_nothing_is_an_error(word, parts):
    with pytest.raises(DynconvError) as error:
        expand(word)
    assert all(part in str(error.value) for part in parts) and "\n" not in str(error.value)


def test_the_one_dataset_s_keys_go_over_later_words_over_earlier_ones():
    keys = merge(
        [
            ("ucr/GunPoint", {"epochs": 1}),  # before the patterns, and still over them
            ("ucr/Gun*", {"epochs": 2, "lr": 0.2}),
            ("ucr/GunPointO*", {"epochs": 3}),
            ("digits", {}),
            ("ucr/GunPointAgeSpan", {"lr": 0.4}),
        ]
    )
    assert keys == {
        "ucr/GunPoint": {"epochs": 1, "lr": 0.2},
        "ucr/GunPointAgeSpan": {"epochs": 2, "lr": 0.4},
        "ucr/GunPointMaleVersusFemale": {"epochs": 2, "lr": 0.2},
        "ucr/GunPointOldVersusYoung": {"epochs": 3, "lr": 0.2},
        "digits": {},
    }
    assert list(keys) == [*GUNS, "digits"]


def parsed(*datasets):
    return study.parse({"name": "s", "variants": ["vanilla", "odconv"], "datasets": datasets, "seeds": 2}, "s.yaml")


def test_a_study_holds_plain_names():
    made = parsed({"name": "ucr/Gun*", "recipe": {"epochs": 2}}, "digits", {"name": GUNS[1], "recipe": {"epochs": 5}})
    assert [dataset.name for dataset in made.datasets] == [*GUNS, "digits"]
    assert [made.recipe(name, "timeseries").epochs for name in GUNS] == [2, 5, 2, 2]
    assert len(list(made.runs())) == 5 * 2 * 2
    written_out = parsed(
        *({"name": name, "recipe": {"epochs": 5 if name == GUNS[1] else 2}} for name in GUNS), "digits"
    )
    assert made == written_out and made.study_hash == written_out.study_hash
    assert study.parse(made.model_dump(mode="json"), "again") == made


@pytest.mark.parametrize(
    ("datasets", "words"),
    [
        (["ucr/GunPoint", "ucr/*", "ucr/GunPoint"], "datasets: listed twice: ucr/GunPoint"),
        (["ucr112", {"name": "ucr112", "recipe": {"lr": 1}}], "datasets: listed twice: ucr112"),
        (["ucr/gun*"], "datasets: dataset 'ucr/gun*': no member of ucr matches"),
        ([{"name": "ucr/Gun*", "recipe": {"epoch": 1}}], "did you mean 'epochs'"),
        (["digits", {"name": "ucr/*", "recipe": 3}], "datasets.1.recipe"),
    ],
)
def test_bad_entries_are_refused(datasets, words):
    with pytest.raises(DynconvError) as error:
        parsed(*datasets)
    assert str(error.value).startswith("s.yaml: ") and words in str(error.value)


@pytest.mark.parametrize("family", plugins.names(DATASETS))
def test_every_family_s_subsets_are_words_for_members(family):
    spec = plugins.load(DATASETS, family).SPEC
    for word, members in spec.subsets.items():
        assert word.startswith(family) and word not in plugins.names(DATASETS)
        assert members == tuple(name for name in spec.members if name in members)
        assert expand(word) == [f"{family}/{name}" for name in members]
    with pytest.raises(TypeError):
        spec.subsets["new"] = ()


def test_the_document_lists_every_subset_and_its_size():
    text = (ROOT / "docs/studies.md").read_text()
    rows = re.findall(r"^\| `(ucr\w+)` \| (\d+) \|", text, re.M)
    assert dict(rows) == {word: str(len(members)) for word, members in SPEC.subsets.items()} and len(rows) == len(
        dict(rows)
    )


def test_the_document_s_example_is_what_it_says():
    text = (ROOT / "docs/studies.md").read_text()
    example = yaml.safe_load(re.search(r"```yaml\n(.*?)```", text, re.S)[1])["datasets"]
    made = parsed(*example)
    assert f"is {len(made.datasets)} datasets" in text
    recipes = {dataset.name: dataset.recipe for dataset in made.datasets}
    assert recipes["ucr/HandOutlines"] == {"epochs": 750, "batch_size": 32} and recipes["ucr/Fish"] == {}
    assert {name for name, keys in recipes.items() if keys} == set(expand("ucr_long"))
