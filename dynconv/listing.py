"""What `dynconv list` prints."""

from pathlib import Path

from rich.console import Console
from rich.table import Table

from dynconv import data, plugins
from dynconv.listing_runs import runs
from dynconv.study import DATASETS, VARIANTS, Study

__all__ = ["datasets", "runs", "variants", "verdicts"]


def variants(study: Study | None, results: Path) -> None:
    """The variants that there are files for, or those of a study."""
    if study is None:
        print("\n".join(plugins.names(VARIANTS)))
        return
    for variant in study.variants:
        options = f" {variant.options}" if variant.options else ""
        print(f"{variant.name}: " + ("a workflow rule" if variant.rule else f"{variant.base}{options}"))


def datasets(study: Study | None, results: Path) -> None:
    """The datasets that there are files for (a family with its number of members), or those of a study."""
    folder = Path(study.data if study else "data")
    names = [dataset.name for dataset in study.datasets] if study else plugins.names(DATASETS)
    table = Table("dataset", "task", "title", "on disk", box=None)
    for name in names:
        spec = data.spec(name) if study else plugins.load(DATASETS, name).SPEC
        ready = sorted(str(p.parent.relative_to(folder)) for p in (folder / name).rglob("meta.json"))
        family = f"{name}/... ({len(spec.members)})" if spec.members and "/" not in name else name
        table.add_row(family, spec.task, spec.title, ", ".join(ready) or "-")
    Console().print(table)


def verdicts(study: Study | None, results: Path) -> None:
    """The answer: each variant against the control."""
    from dynconv.report.summary import print_verdicts

    print_verdicts(results)
