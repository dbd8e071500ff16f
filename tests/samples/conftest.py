import pytest
from sheets import AUGMENT, DATASETS

from dynconv.data.prepare import prepare
from dynconv.study import parse


@pytest.fixture(scope="session")
def data(tmp_path_factory):
    """One prepared dataset of each task; tests do not write to it."""
    folder = tmp_path_factory.mktemp("data")
    for name in DATASETS:
        prepare(name, folder, download=False)
    return folder


@pytest.fixture(scope="session")
def make_study():
    """A study of the three datasets; `augment` by task, else none."""

    def make(augment=AUGMENT, seeds=(3, 0)):
        recipes = {task: {"augment": steps} for task, steps in augment.items()}
        content = {"name": "s", "variants": ["vanilla", "odconv"], "datasets": DATASETS, "seeds": list(seeds)}
        return parse(content | {"recipes": recipes}, "s")

    return make
