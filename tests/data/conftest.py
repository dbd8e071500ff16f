import pytest
from http_server import Server

from dynconv.data import Facts, Spec, open_store, transfer
from dynconv.data.datasets import speech_commands, tiny_imagenet, ucr, voc2012
from dynconv.data.fetch import MIRROR
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


@pytest.fixture
def server(monkeypatch):
    """A web server without files yet; downloads do not pause between tries, and know no proxy and no mirror."""
    monkeypatch.setattr(transfer, "_PAUSE_S", 0.0)
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY", MIRROR):
        monkeypatch.delenv(name, raising=False)
    with Server() as running:
        yield running


@pytest.fixture
def small(monkeypatch):
    """For files of the published form with fewer examples: their number is not compared with the published one."""
    for module in (tiny_imagenet, voc2012, speech_commands):
        monkeypatch.setattr(module, "FACTS", Facts())
    monkeypatch.setattr(voc2012, "ALONE", Facts())
    entries = {name: entry._replace(train=None, test=None) for name, entry in ucr.ARCHIVE.items()}
    monkeypatch.setattr(ucr, "ARCHIVE", entries)
