"""A plan reads a Snakemake profile as Snakemake does, or says what is wrong with it."""

import pytest

from dynconv import plan_profile
from dynconv.errors import DynconvError

MAPPING = """
executor: submitit
submitit-array-size: 100
default-resources: {runtime: 30, mem_mb: "4000"}
set-resources:
  train_vanilla: {runtime: 2h, pack: 8, pack_concurrency: "4", gpus_per_node: 1, cpus_per_task: 4}
  train_odconv: {runtime: 2h, pack: 8, pack_concurrency: "4", gpus_per_node: 1, cpus_per_task: 4}
"""
LIST = """
executor: submitit
submitit-array-size: "100"
default-resources: [runtime=30, mem_mb=4000]
set-resources:
  - train_vanilla:runtime='2h'
  - train_vanilla:pack=8
  - train_vanilla:pack_concurrency=4
  - train_vanilla:gpus_per_node=1
  - train_vanilla:cpus_per_task=4
"""


def profile(tmp_path, text):
    (tmp_path / "profile").mkdir(exist_ok=True)
    (tmp_path / "profile/config.yaml").write_text(text)
    return plan_profile.read(tmp_path / "profile")


@pytest.mark.parametrize("text", [MAPPING, LIST], ids=["mapping", "list"])
def test_a_profile_is_read_in_both_of_snakemakes_forms(tmp_path, text):
    read = profile(tmp_path, text)
    assert (read.executor, read.array_size) == ("submitit", 100)
    assert read.resources("train_vanilla") == plan_profile.Resources(120, 8, 4, 1, 4, 1, 1, (("mem_mb", "4000"),))
    assert read.resources("collect") == plan_profile.Resources(30, 1, 1, 0, 1, 1, 1, (("mem_mb", "4000"),))


@pytest.mark.parametrize(
    ("text", "minutes"),
    [("90", 90), ("'90'", 90), ("90m", 90), ("2h", 120), ("1d 12h", 2160), ("2 hours, 5 minutes", 125), ("30s", 1)],
)
def test_a_runtime_is_minutes_or_a_time_span(tmp_path, text, minutes):
    assert profile(tmp_path, f'default-resources: {{runtime: "{text}"}}').resources("x").runtime == minutes


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("default-resources: {pack: 0}", "pack of rule x is 0; valid: 1 or more"),
        ("default-resources: {gpus_per_node: -1}", "gpus_per_node of rule x is -1; valid: 0 or more"),
        ("default-resources: [pack]", "default-resources: 'pack'; valid: name=value"),
        ("set-resources: [pack=3]", "set-resources: 'pack'; valid: a mapping of rules, or rule:name=value"),
        ("submitit-array-size: none", "submitit-array-size is 'none'; valid: 1 or more"),
        ("[1]", "a profile is a mapping"),
        ("a: [", "cannot be read"),
    ],
)
def test_a_bad_profile_is_one_line(tmp_path, text, expected):
    with pytest.raises(DynconvError) as error:
        profile(tmp_path, text).resources("x")
    assert expected in str(error.value) and len(str(error.value).splitlines()) == 1


def test_a_profile_that_is_not_there_names_those_that_are(tmp_path):
    profile(tmp_path, MAPPING)
    with pytest.raises(DynconvError, match=r"profil: no such profile; valid: .*profile$"):
        plan_profile.read(tmp_path / "profil")
