"""What all tests share."""

import pytest
from checkout import copy_project


@pytest.fixture
def project(tmp_path):
    """A copy of the checkout (without data, results and environment): new files in it are seen by its commands."""
    return copy_project(tmp_path / "project")
