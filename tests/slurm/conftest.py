"""Fixtures of the tests that need Slurm: real clusters, started when first used, and gone when the tests are done."""

import os
import tempfile
import warnings
from pathlib import Path

import pytest
from cluster import Cluster
from packages import SlurmUnavailable

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items):
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.slurm)


def start(**shape):
    """A new cluster, or the test ends: skipped, or failed where DYNCONV_REQUIRE_SLURM says that Slurm must be had."""
    # Not in tmp_path: the path of a Unix socket is short, and its folder's owner is all that may enter.
    cluster = Cluster(Path(tempfile.mkdtemp(prefix="slurm-")), **shape)
    try:
        cluster.start()
        return cluster
    except SlurmUnavailable as error:
        why = f"no Slurm: {error}"
    cluster.folder.rmdir()
    if os.environ.get("DYNCONV_REQUIRE_SLURM") == "1":
        pytest.fail(f"DYNCONV_REQUIRE_SLURM=1, but {why}", pytrace=False)
    warnings.warn(why, stacklevel=1)  # the summary shows it, and shows no reasons of skipped tests
    pytest.skip(why)


@pytest.fixture(scope="session")
def slurm():
    """A cluster with accounting: 4 nodes of 4 CPUs, 4000 MB and 2 (fake) GPUs."""
    cluster = start()
    yield cluster
    cluster.stop()


@pytest.fixture(scope="session")
def slurm_without_accounting():
    """The same without accounting: sacct fails, what squeue forgets is gone."""
    cluster = start(accounting=False)
    yield cluster
    cluster.stop()


@pytest.fixture(autouse=True)
def reset(request):
    """Each test finds its clusters whole, without jobs, and the list of calls empty."""
    names = {"slurm", "slurm_without_accounting"} & set(request.fixturenames)
    clusters = [request.getfixturevalue(name) for name in names]
    yield
    for cluster in clusters:
        cluster.reset()
