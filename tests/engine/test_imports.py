"""What a run alone does not load: it would pay for it at every start."""

import subprocess
import sys

import yaml


def test_a_run_alone_imports_neither_deepspeed_nor_the_compiler(make_study, store, tmp_path):
    (tmp_path / "tiny.yaml").write_text(yaml.safe_dump(make_study(epochs=1).model_dump(mode="json")))
    words = ["train", "--study", "tiny.yaml", "--dataset", "digits", "--variant", "hard_attention", "--seed", "0"]
    words += ["--out", "out", "--data", str(store), "--device", "cpu", "--threads", "1", "--toy"]
    code = f"""
import sys
from dynconv.cli import main
assert main({words!r}) == 0
slow = ("deepspeed", "torch._dynamo", "torchvision", "rich", "tensorboard")
print([name for name in slow if name in sys.modules])
"""
    said = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert said.stdout.splitlines()[-1] == "[]"
