"""The `dynconv` command: in a pack the command is run by the pack's warm process, elsewhere by this one."""

import os
import sys

from dynconv import job

_WARM = ("train", "tune", "profile", "samples")  # what imports torch


def main() -> int:
    """Run the command line; the exit codes are those of `dynconv.cli.main`."""
    argv = sys.argv[1:]
    # On a CPU torch takes new memory for every large tensor; in huge pages that costs a fraction.  Read once, by torch.
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")
    path = job.helper()
    if path and argv and argv[0] in _WARM:
        from dynconv.warm_client import run_warm

        code = run_warm(path, argv)
        if code is not None:
            return code
    from dynconv import cli

    return cli.main(argv)
