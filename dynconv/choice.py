"""What a search has chosen: the best of its trials, as a file that the runs of a dataset and variant read.

    <results>/tuning/<dataset>/<variant>/trial<k>/trial.parquet   the trials
    <results>/tuning/<dataset>/<variant>/choice.json              the choice

The file holds the settings and nothing else: a search that is repeated or made longer retrains only the runs whose
settings it changes.
"""

import json
import math
from pathlib import Path
from typing import Any

from dynconv import records, trials
from dynconv.errors import DynconvError, valid
from dynconv.files import write_text
from dynconv.study import Study

NAME = "choice.json"


def rows_of(study: Study, dataset: str, task: str, variant: str, folder: Path) -> list[dict[str, Any]]:
    """The rows of a search's trials, in their order, from `folder` (`<tuning>/<dataset>/<variant>`).

    Raises:
        DynconvError: the study does not search here, or a trial is missing, unreadable or of another recipe.
    """
    trials.tune_of(study, dataset, variant)
    rows = []
    for number in range(len(trials.settings(study, dataset, task))):
        file = folder / f"trial{number}" / "trial.parquet"
        found = records.read("trials", file).to_pylist()
        key = trials.TrialKey(dataset, variant, number)
        if [row["trial_id"] for row in found] != [key.trial_id]:
            held = ", ".join(row["trial_id"] for row in found[:3]) or "no trial"
            raise DynconvError(f"{file}: holds {held}; valid in this folder: {key.trial_id}")
        if found[0]["trial_hash"] != trials.trial_hash(study, task, key):
            raise DynconvError(f"{file}: was trained by another recipe or on another cut; make the trial again")
        rows += found
    return rows


def pick(rows: list[dict[str, Any]], metric: str) -> dict[str, Any]:
    """The row of the `choices` table: the trial with the highest `metric` on the validation part.

    Of equal ones it is the first, so that the recipe as it stands, trial 0, gives way to better ones only.  Where no
    trial has a value it is the recipe as it stands, too, for that reason.

    Args:
        rows: of all trials of a dataset and variant, in their order.
        metric: the study's primary metric of the task, a column of `trials`; higher is better.
    """
    valued = [row for row in rows if row["status"] == "ok" and row[metric] is not None and math.isfinite(row[metric])]
    best = max(valued, key=lambda row: row[metric], default=rows[0])  # max takes the first of equals
    joules = [row["energy_j"] for row in rows if row["status"] != "skipped"]
    return {
        **{name: rows[0][name] for name in ("task", "dataset", "variant")},
        "trial": best["trial"],
        "settings": best["settings"] if valued else "{}",
        "reason": _reason(rows, valued, best, metric),
        "metric": metric,
        "value": best[metric] if valued else None,
        "untuned_value": rows[0][metric] if rows[0] in valued else None,
        "n_validation": next((row["n_validation"] for row in rows if row["n_validation"] is not None), None),
        "n_trials": len(rows),
        "n_failed": len(rows) - len(valued),
        "train_s": math.fsum(row["train_s"] or 0 for row in rows),
        "energy_j": None if None in joules else math.fsum(joules),
    }


def _reason(rows: list[dict[str, Any]], valued: list[dict[str, Any]], best: dict[str, Any], metric: str) -> str:
    if not valued:
        why = "was skipped" if all(row["status"] == "skipped" for row in rows) else "has failed"
        return f"the recipe as it stands: every trial {why}, the first: {rows[0]['failure']}"
    equal = sum(row[metric] == best[metric] for row in valued) - 1
    text = f"highest {metric} of {len(valued)} trials" + (f", the first of {equal + 1} equal ones" if equal else "")
    return text if len(valued) == len(rows) else f"{text}; {len(rows) - len(valued)} failed"


def write(file: Path, choice: dict[str, Any]) -> None:
    """Write what the runs need of a choice, a row of `pick`."""
    content = {"dataset": choice["dataset"], "variant": choice["variant"], "settings": json.loads(choice["settings"])}
    write_text(file, json.dumps(content, indent=2) + "\n")


def read(file: Path, study: Study, dataset: str, variant: str) -> dict[str, Any]:
    """The settings that a choice gives to the runs of `variant` on `dataset`.

    A variant that a workflow rule builds on another's rule takes the choice of that one, its base.

    Raises:
        DynconvError: no such file, no choice, or that of another dataset or variant.
    """
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        held, settings = (content["dataset"], content["variant"]), dict(content["settings"])
    except FileNotFoundError:
        raise DynconvError(f"{file}: no such file; `dynconv choose` writes it") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DynconvError(f"{file}: not a choice: {type(error).__name__}: {error}") from None
    wanted = [(dataset, name) for name in (variant, study.variant(variant).base)]
    if held not in wanted:
        raise DynconvError(f"{file}: is for {' '.join(map(str, held))}; {valid({' '.join(pair) for pair in wanted})}")
    return settings
