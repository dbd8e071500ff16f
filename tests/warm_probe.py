"""A warm process whose runs can also say what they find and end in every way: `python warm_probe.py`."""

import json
import os
import signal
import sys
import time
from pathlib import Path

from dynconv import cli
from dynconv.warm import serve


def main(argv):
    """`train PROBE ...` where PROBE is the name of a function below; anything else is dynconv's own."""
    probe = PROBES.get(argv[1])
    return probe(*argv[2:]) if probe else cli.main(argv)


def look():
    import torch

    umask = os.umask(0)
    os.umask(umask)
    found = {
        "stdin": sys.stdin.read(),
        "cwd": str(Path.cwd()),
        "env": dict(os.environ),
        "umask": umask,
        "argv": sys.argv,
        "threads": torch.get_num_threads(),
        "cuda": torch.cuda.is_initialized() or torch.cuda._is_in_bad_fork(),
        "threads_of_the_server": len(list(Path(f"/proc/{os.getppid()}/task").iterdir())),
        "open": [file.name for file in Path("/proc/self/fd").iterdir()],
    }
    print(json.dumps(found))
    print("and this is stderr", file=sys.stderr)
    return 0


def threads(*argv):
    import torch

    code = cli.main(["profile", *argv])
    print(torch.get_num_threads())
    return code


def wait(file):
    Path(file).write_text(str(os.getpid()))
    while True:
        time.sleep(0.05)


def crash():
    raise RuntimeError("a bug")


def killed():
    os.kill(os.getpid(), signal.SIGKILL)


PROBES = {
    "look": look,
    "threads": threads,
    "wait": wait,
    "crash": crash,
    "killed": killed,
    "code": int,
}

if __name__ == "__main__":
    serve(main)
