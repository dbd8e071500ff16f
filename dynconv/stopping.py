"""Stopping in good order: a signal asks for it, the training loop answers between two steps."""

import signal
from pathlib import Path
from types import FrameType

STOPPED = 75  # exit code: EX_TEMPFAIL of sysexits.h, "stopped in good order, continue me later"
SIGNALS = (signal.SIGUSR2, signal.SIGTERM)  # the time limit is near; the job is asked to end


class Stop:
    """Which signal has asked this process to stop: None until one has."""

    asked: signal.Signals | None = None

    @classmethod
    def listen(cls) -> "Stop":
        """One that takes SIGUSR2 and SIGTERM from now on, and those that waited for it (`dynconv.warm_client`)."""
        stop = cls()
        for number in SIGNALS:
            signal.signal(number, stop._ask)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
        return stop

    def _ask(self, number: int, frame: FrameType | None) -> None:
        self.asked = self.asked or signal.Signals(number)


class Stopped(Exception):
    """Training ended before its last step, because a signal asked for it: neither a result nor a failure."""

    @classmethod
    def after(cls, step: int, number: int, checkpoint: Path | None) -> "Stopped":
        """Stopped by signal `number` after `step` steps, which `checkpoint` holds; None: nothing is kept."""
        then = f"continues from {checkpoint}" if checkpoint else "begins anew"
        return cls(f"stopped after step {step} on {signal.Signals(number).name}: the next start {then}")
