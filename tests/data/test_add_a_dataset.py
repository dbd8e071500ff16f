"""docs/add_a_dataset.md, carried out in a temporary copy: one new file is found, prepared and tested by its name."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def copy(tmp_path):
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "dynconv", tmp_path / "dynconv", ignore=ignored)
    shutil.copytree(ROOT / "tests" / "data", tmp_path / "tests" / "data", ignore=ignored)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    text = (ROOT / "docs" / "add_a_dataset.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"^```python\n(.*?)^```$", text, flags=re.DOTALL | re.MULTILINE)
    (tmp_path / "dynconv" / "data" / "datasets" / "waves.py").write_text(example, encoding="utf-8")
    return tmp_path


def python(copy, *arguments):
    environment = {**os.environ, "PYTHONPATH": str(copy)}
    return subprocess.run([sys.executable, *arguments], cwd=copy, env=environment, capture_output=True, text=True)


def test_the_documented_dataset_passes_the_shared_tests(copy):
    done = python(copy, "-m", "pytest", "tests/data/test_every_dataset.py", "-k", "waves", "-p", "no:cacheprovider")
    assert done.returncode == 0, done.stdout + done.stderr
    assert int(re.search(r"(\d+) passed", done.stdout)[1]) >= 7


def test_one_line_in_a_study_is_enough(copy):
    code = (
        "from dynconv import study; import dynconv.data\n"
        "plan = study.parse({'name': 's', 'variants': ['vanilla', 'odconv'], 'datasets': ['waves'], 'seeds': 2}, 's')\n"
        "print([run.dataset for run in plan.runs()], dynconv.data.spec('waves').task)\n"
    )
    done = python(copy, "-c", code)
    assert done.stdout.strip() == "['waves', 'waves', 'waves', 'waves'] timeseries", done.stderr
