"""Programs for jobs of the tests."""

# counter.py NAME TOTAL: counts to TOTAL, 20 a second.  SIGUSR2 and SIGTERM make it save and exit with 75; the next
# start goes on from there.  NAME.starts has a line a start: "<attempt> from <count>",
# NAME.queued "<seconds in the queue> <time>".  Ends with NAME.txt.
COUNTER = """\
import os, signal, sys, time
from pathlib import Path

name, total = sys.argv[1], int(sys.argv[2])
asked = []
for number in (signal.SIGUSR2, signal.SIGTERM):
    signal.signal(number, lambda received, frame: asked.append(signal.Signals(received).name))
saved = Path(name + ".saved")
count = int(saved.read_text()) if saved.exists() else 0
with open(name + ".starts", "a") as file:
    file.write(f"{os.environ['SNAKEMAKE_SUBMITIT_ATTEMPT']} from {count}\\n")
with open(name + ".queued", "a") as file:
    file.write(f"{os.environ.get('SNAKEMAKE_SUBMITIT_QUEUE_S')} {time.time()}\\n")
while count < total:
    if asked:
        saved.write_text(str(count))
        print(f"stopped at {count} on {asked[0]}")
        sys.exit(75)
    count += 1
    time.sleep(0.05)
Path(name + ".txt").write_text(f"{count}\\n")
"""


def starts(workflow, name):
    """[(attempt, count at its begin)] of a counter."""
    lines = [line.split(" from ") for line in workflow.read(f"{name}.starts").splitlines()]
    return [(int(attempt), int(count)) for attempt, count in lines]
