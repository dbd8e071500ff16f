import pytest

from dynconv.data import Spec, open_store
from dynconv.data.prepare import prepare

SPEC = Spec(
    task="classification",
    title="Small",
    source="here",
    licence="CC0",
    citation="none",
    split_rule="as written",
)


@pytest.fixture
def small_spec():
    return SPEC


@pytest.fixture(scope="session")
def data(tmp_path_factory):
    """A folder with GunPoint, the digits and the shapes prepared; tests do not write to it."""
    folder = tmp_path_factory.mktemp("data")
    for name in ("ucr/GunPoint", "digits", "shapes_voc"):
        prepare(name, folder, download=False)
    return folder


@pytest.fixture(scope="session")
def gunpoint(data):
    return open_store(data / "ucr/GunPoint", "ucr/GunPoint")


@pytest.fixture(scope="session")
def shapes(data):
    return open_store(data / "shapes_voc", "shapes_voc")
