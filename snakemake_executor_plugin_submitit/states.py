"""Asks the cluster about jobs: in bulk, seldom, and believing only what lasts."""

import logging
import time
from collections.abc import Iterable
from typing import Any

from snakemake_executor_plugin_submitit import causes
from snakemake_executor_plugin_submitit.cluster import Busy, Cluster, State

# Reasons for which a job may wait for ever, with what can be done.
_STUCK = (
    "InvalidAccount", "InvalidQOS", "BadConstraints", "PartitionTimeLimit", "PartitionNodeLimit", "PartitionDown",
    "PartitionInactive", "JobHeldAdmin", "JobHeldUser", "launch_failed_requeued_held", "ReqNodeNotAvail",
    "AccountNotAllowed", "QOSNotAllowed", "Assoc", "QOSMax", "QOSGrp", "DependencyNeverSatisfied",
)  # fmt: skip


class States:
    """Remembers when each job was last heard of.

    Args:
        cluster: whom to ask.
        interval: least seconds between two questions.
        settle: seconds that a finished job's files may take to arrive.
    """

    def __init__(self, cluster: Cluster, interval: float, settle: float, logger: Any = logging):
        self.cluster, self.settle, self.logger = cluster, settle, logger
        self.interval = interval if cluster.name != "local" else min(1.0, interval)
        self._asked = time.monotonic()
        self._over: dict[str, tuple[State, float]] = {}  # terminal state, and since when
        self._unknown: dict[str, float] = {}
        self._waiting: set[str] = set()  # in the queue when last heard of
        self._told: set[tuple[str, str]] = set()

    def ended(self, ids: Iterable[str]) -> dict[str, State]:
        """Those of `ids` that are over for good."""
        wanted = set(ids)
        now = time.monotonic()
        if wanted and now - self._asked >= self.interval:
            self._asked = now
            self._ask(wanted, now)
        final = {}
        for name in [name for name in self._over if name in wanted]:
            state, since = self._over[name]
            # A job that Slurm puts back into the queue looks ended for a moment: wait for a second answer.
            patience = max(self.settle, self.interval + 1) if state.state in causes.TRANSIENT else self.settle
            if now - since >= patience and (state.state not in causes.TRANSIENT or self._asked > since):
                final[name] = self._over.pop(name)[0]
        return final

    def _ask(self, wanted: set[str], now: float) -> None:
        try:
            states = self.cluster.states(wanted)
        except Busy as error:
            self._tell("", f"the cluster does not answer ({error}); asking again later")
            return
        for name in wanted:
            state = states.get(name)
            if state is None:
                # No record: not now, or no more.
                if now - self._unknown.setdefault(name, now) >= self.settle + 2 * self.interval:
                    # An element of an array that is cancelled while it waits leaves no trace.
                    end = causes.VANISHED if name in self._waiting and "_" in name else "NODE_FAIL"
                    self._over.setdefault(name, (State(end), now))
                continue
            self._unknown.pop(name, None)
            (self._waiting.add if state.state == "PENDING" else self._waiting.discard)(name)
            if state.state in causes.LIVE:
                self._over.pop(name, None)
                if state.state == "PENDING" and any(reason in state.reason for reason in _STUCK):
                    array = name.split("_")[0]
                    self._tell(array, f"job {array} waits in the queue: {state.reason}")
            else:
                _, since = self._over.get(name, (state, now))
                self._over[name] = (state, since)

    def _tell(self, name: str, text: str) -> None:
        """Once each."""
        if (name, text) not in self._told:
            self._told.add((name, text))
            self.logger.warning(text)
