"""The example of docs/add_a_variant.md is a variant."""

import importlib.util
import re
from pathlib import Path

import torch

from dynconv.models.blocks import Blocks
from dynconv.models.resnet import ResNet

PAGE = Path(__file__).parents[2] / "docs" / "add_a_variant.md"


def test_the_example_trains(tmp_path):
    code = re.findall(r"```python\n(.*?)```", PAGE.read_text(), flags=re.DOTALL)[0]
    file = tmp_path / "eca.py"
    file.write_text(code)
    spec = importlib.util.spec_from_file_location("eca", file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for ndim in (1, 2):
        blocks = module.build(ndim, kernel_size=5)
        assert isinstance(blocks, Blocks)
        model = ResNet(blocks, ndim=ndim, in_channels=1, num_classes=2, depth=18, width=0.125, stem="small")
        model(torch.randn(3, 1, *[9] * ndim)).square().sum().backward()
        assert all(parameter.grad is not None for parameter in model.parameters())
        assert model.layer1[0].attention.conv.weight.grad.abs().max() > 0
