"""What `dynconv list` prints."""

from pathlib import Path

from dynconv import plugins
from dynconv.listing_datasets import datasets
from dynconv.listing_runs import runs
from dynconv.study import VARIANTS, Study

__all__ = ["datasets", "runs", "variants", "verdicts"]


def variants(study: Study | None, results: Path) -> None:
    """The variants that there are files for, or those of a study."""
    if study is None:
        print("\n".join(plugins.names(VARIANTS)))
        return
    for variant in study.variants:
        options = f" {variant.options}" if variant.options else ""
        print(f"{variant.name}: " + ("a workflow rule" if variant.rule else f"{variant.base}{options}"))


def verdicts(study: Study | None, results: Path) -> None:
    """The answer: each variant against the control."""
    from dynconv.report.summary import print_verdicts

    print_verdicts(results)
