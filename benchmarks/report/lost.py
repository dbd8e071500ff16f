"""What runs that failed leave: a log, and the record of the failure with its traceback."""

import json
from pathlib import Path
from typing import Any

from dynconv.files import write_text

CAUSES = (
    "loss is NaN at epoch {epoch}, step {step}",
    "OUT_OF_MEMORY: the job used more than its 8000 MB (step {step})",
    "NODE_FAIL: node{epoch:02} went down",
    "TIMEOUT: no end after {step} minutes",
)


def logs(folder: Path, failed: list[dict[str, Any]]) -> None:
    """Write `logs/train/<run>.log` and `results/failures/<run>.json` of every failed run."""
    for run in failed:
        lines = [f"epoch {n:>2}  loss {2 / n:.4f}  lr 0.001  12.3 s" for n in range(1, 20)]
        last = f"{run['run_id']}: failed  {run['failure']}"
        write_text(folder / "logs/train" / f"{run['run_id']}.log", "\n".join([*lines, last]) + "\n")
        plain = {name: value for name, value in run.items() if name not in ("started_at", "finished_at", "failure")}
        record = {
            "row": plain,
            "failure": run["failure"],
            "traceback": None,
            "started_at": run["started_at"].isoformat(),
        }
        write_text(folder / "results/failures" / f"{run['run_id']}.json", json.dumps(record, indent=2) + "\n")
