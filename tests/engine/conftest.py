import pytest

from dynconv import study
from dynconv.data.prepare import prepare


@pytest.fixture(scope="session")
def store(tmp_path_factory):
    """A data folder with a small set of every task."""
    folder = tmp_path_factory.mktemp("data")
    for name in ("digits", "ucr/GunPoint", "shapes_voc"):
        prepare(name, folder, toy=True)
    return folder


@pytest.fixture
def make_study():
    """A study of tiny networks: `make_study(epochs=2, ...)` sets recipe keys of every task."""

    def make(variants=("vanilla", "odconv", "hard_attention"), on_failure="stop", **keys):
        recipe = {"width": 0.125, "epochs": 2, "batch_size": 8, "lr": 0.02, "temperature_epochs": 1, **keys}
        content = {
            "name": "tiny",
            "variants": list(variants),
            "datasets": ["digits", "ucr/GunPoint", "shapes_voc"],
            "seeds": [0, 1],
            "recipes": dict.fromkeys(study.TASKS, recipe),
            "on_failure": on_failure,
        }
        return study.parse(content, "tiny.yaml")

    return make
