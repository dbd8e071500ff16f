"""The shape of an invented study: how many datasets, variants and seeds, and how long its tables are."""

import csv
from dataclasses import dataclass
from functools import cached_property
from importlib import resources

import yaml

# The variants that come with dynconv, the control first; each with what it costs, relative to the control.
COSTS = {
    "vanilla": 1.0,
    "hard_attention": 1.02,
    "soft_local": 1.05,
    "soft_global": 1.03,
    "odconv": 1.12,
    "odconv_static": 1.1,
    "condconv": 1.3,
    "dyconv": 1.25,
    "se_cbam": 1.04,
    "kernel_warehouse": 1.4,
    "deformable": 1.6,
}
IMAGES = {
    **dict.fromkeys(("digits", "cifar10", "cifar100", "tiny_imagenet"), "classification"),
    **dict.fromkeys(("voc2012", "shapes_voc", "cityscapes"), "segmentation"),
}


@dataclass(frozen=True)
class Design:
    """Counts; `looks` are those of the diagnostics and `examples` those of a test split, both of a run."""

    datasets: int = 128
    variants: int = 10
    seeds: int = 10
    epochs: int = 20
    looks: int = 4
    examples: int = 20
    failed: int = 60
    all_tasks: bool = False

    def __post_init__(self) -> None:
        if not 2 <= self.variants <= len(COSTS):
            raise SystemExit(f"--variants {self.variants}: valid: 2 to {len(COSTS)}")
        if not 1 <= self.datasets == len(self.tasks):
            raise SystemExit(f"--datasets {self.datasets}: valid: 1 to {len(self.tasks)}")

    @cached_property
    def tasks(self) -> dict[str, str]:
        """The task of each dataset: the sets of images, if they are wanted, and members of the UCR archive."""
        table = resources.files("dynconv").joinpath("data/ucr_archive.csv").read_text(encoding="utf-8")
        series = {f"ucr/{row['name']}": "timeseries" for row in csv.DictReader(table.splitlines())}
        known = (IMAGES if self.all_tasks else {}) | series
        return dict([*known.items()][: self.datasets])

    @property
    def names(self) -> list[str]:
        """The variants."""
        return [*COSTS][: self.variants]

    def study(self) -> str:
        """Its file."""
        content = {
            "name": "scale",
            "variants": self.names,
            "datasets": [*self.tasks],
            "seeds": self.seeds,
            "analysis": {"control": self.names[0]},
            "on_failure": "record",
        }
        return yaml.safe_dump(content, sort_keys=False)
