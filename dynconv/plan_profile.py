"""What a Snakemake profile gives each job: the part of its `config.yaml` that a plan needs."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from dynconv.errors import DynconvError, valid

_UNITS = {"s": 1 / 60, "m": 1, "h": 60, "d": 60 * 24, "w": 60 * 24 * 7}  # minutes
_SPAN = re.compile(r"(\d+(?:\.\d+)?)\s*([smhdw])(?:ec|econd|in|inute|our|ay|eek)?s?\b[\s,]*")
_NUMBERS = {  # name: (the least value, the value where the profile gives none)
    "runtime": (1, None),
    "pack": (1, 1),
    "pack_concurrency": (1, 1),
    "gpus_per_node": (0, 0),
    "cpus_per_task": (1, 1),
    "nodes": (1, 1),
    "tasks_per_node": (1, 1),
}
_ONE_A_RUN = ("job_name", "failure_command")  # texts that no two jobs share, and that ask for nothing


@dataclass(frozen=True)
class Resources:
    """What one job of a rule asks for.  None where the profile does not say, or says it by an expression."""

    runtime: int | None  # minutes, of one item
    pack: int
    pack_concurrency: int
    gpus_per_node: int
    cpus_per_task: int
    nodes: int
    tasks_per_node: int
    others: tuple[tuple[str, str], ...] = ()  # memory, partition, ...: jobs that differ in them share no array


@dataclass(frozen=True)
class Profile:
    """A Snakemake profile, as far as a plan needs it."""

    name: str
    executor: str  # "local" where it names none: this machine, no cluster jobs
    array_size: int
    defaults: dict[str, Any]
    rules: dict[str, dict[str, Any]]
    threads: dict[str, Any]

    def resources(self, rule: str) -> Resources:
        """What a job of `rule` asks for: the default resources, overridden by those set for the rule.

        Raises:
            DynconvError: a number is too small.
        """
        values = self._values(rule)
        numbers: dict[str, Any] = {}
        for name, (_, default) in _NUMBERS.items():
            number = self._number(name, values.get(name), rule)
            numbers[name] = default if number is None else number
        others = {name: str(value) for name, value in values.items() if name not in (*_NUMBERS, *_ONE_A_RUN)}
        return Resources(**numbers, others=tuple(sorted(others.items())))

    def expressions(self, rule: str) -> list[str]:
        """`name=value` of the numbers of `rule` that only Snakemake can work out (`runtime=attempt * 60`)."""
        values = self._values(rule)
        given = {name: values[name] for name in _NUMBERS if values.get(name) is not None}
        return [f"{name}={value}" for name, value in given.items() if self._number(name, value, rule) is None]

    def _values(self, rule: str) -> dict[str, Any]:
        return {"cpus_per_task": self.threads.get(rule), **self.defaults, **self.rules.get(rule, {})}

    def _number(self, name: str, value: Any, rule: str) -> int | None:
        """The value as a whole number (minutes for `runtime`); None if there is none, or it is an expression."""
        if value is None:
            return None
        text = str(value).strip().strip("'\"")
        number = int(text) if re.fullmatch(r"-?\d+", text) else _minutes(text) if name == "runtime" else None
        least = _NUMBERS[name][0]
        if number is not None and number < least:
            raise DynconvError(f"{self.name}: {name} of rule {rule} is {value}; valid: {least} or more")
        return number


def read(path: str | Path) -> Profile:
    """Read a profile: its folder, or its file.

    Raises:
        DynconvError: there is no such profile, or it is not one; the message lists those beside it.
    """
    path = Path(path)
    file = _file(path)
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise DynconvError(f"{file}: cannot be read: {' '.join(str(error).split())}") from None
    if not isinstance(content, dict):
        raise DynconvError(f"{file}: a profile is a mapping of Snakemake's options")
    array_size = content.get("submitit-array-size", 1000)
    if not str(array_size).isdecimal() or int(array_size) < 1:
        raise DynconvError(f"{file}: submitit-array-size is {array_size!r}; valid: 1 or more")
    return Profile(
        str(path),
        "local" if content.get("submitit-cluster") == "local" else str(content.get("executor", "local")),
        int(array_size),
        _pairs(content, "default-resources", file),
        _of_rules(content, file),
        _pairs(content, "set-threads", file),
    )


def _file(path: Path) -> Path:
    if path.is_file():
        return path
    # Snakemake prefers the file of the newest version that is not newer than itself.
    versions = {int(match[1]): f for f in path.glob("config.v*+.y*ml") if (match := re.search(r"\.v(\d+)\+", f.name))}
    for file in [*(versions[number] for number in sorted(versions, reverse=True)), path / "config.yaml"]:
        if file.is_file():
            return file
    near = sorted(str(other.parent) for other in path.parent.glob("*/config*.yaml"))
    raise DynconvError(f"{path}: no such profile; {valid(near)}")


def _pairs(content: Mapping[str, Any], key: str, file: Path) -> dict[str, Any]:
    """A mapping, or Snakemake's list of `name=value`."""
    value = content.get(key) or {}
    if isinstance(value, Mapping):
        return dict(value)
    words = value if isinstance(value, list) else str(value).split()
    if bad := [word for word in words if "=" not in str(word)]:
        raise DynconvError(f"{file}: {key}: {bad[0]!r}; valid: name=value")
    return {name: text for name, _, text in (str(word).partition("=") for word in words)}


def _of_rules(content: Mapping[str, Any], file: Path) -> dict[str, dict[str, Any]]:
    """`set-resources`: {rule: {name: value}}, or Snakemake's list of `rule:name=value`."""
    rules: dict[str, dict[str, Any]] = {}
    for key, value in _pairs(content, "set-resources", file).items():
        if isinstance(value, Mapping):
            rules.setdefault(key, {}).update(value)
            continue
        rule, colon, name = key.partition(":")
        if not colon:
            raise DynconvError(f"{file}: set-resources: {key!r}; valid: a mapping of rules, or rule:name=value")
        rules.setdefault(rule, {})[name] = value
    return rules


def _minutes(text: str) -> int | None:
    """`90m`, `2h`, `1d 12h` in minutes, as Snakemake rounds them; None for anything else (an expression)."""
    text = text.lower()
    if not text or _SPAN.sub("", text):
        return None
    return max(1, int(sum(float(number) * _UNITS[unit] for number, unit in _SPAN.findall(text))))
