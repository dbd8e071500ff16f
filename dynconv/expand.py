"""One word for many datasets: a pattern of a family's members (`ucr/*`, `ucr/Gun*`) or a subset's word (`ucr112`)."""

import difflib
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Any

from dynconv import plugins
from dynconv.errors import DynconvError, valid
from dynconv.explain import meant
from dynconv.plugins import DATASETS


def expand(word: str) -> list[str]:
    """The datasets that `word` names, in the order of their family: `["ucr/ACSF1", ...]`.

    A pattern is the shell's (`*`, `?`, `[ab]`), stands after the slash and minds case.  A plain name is handed back as
    it is: whether its family has such a member is the business of `data.find`.

    Raises:
        DynconvError: no such dataset or subset, or a pattern that matches nothing.
    """
    files = plugins.names(DATASETS)
    family, slash, member = word.partition("/")
    if family in files:
        return _matches(family, member) if set(member) & set("*?[") else [word]
    for owner in [] if slash else [file for file in files if word.startswith(file)]:
        if word in (subsets := _spec(owner).subsets):
            return [f"{owner}/{name}" for name in subsets[word]]
    known = files if slash else [*files, *(subset for file in files for subset in _spec(file).subsets)]
    raise DynconvError(f"unknown dataset {word!r}{meant(family, known)}; {valid(known)}")


def merge(entries: Iterable[tuple[str, Mapping[str, Any]]]) -> dict[str, dict[str, Any]]:
    """The recipe keys of every dataset that the `entries` (word, recipe keys) name, each where it is first named.

    Keys of a later entry go over those of an earlier one; keys of an entry that names the dataset itself go over all.

    Raises:
        DynconvError: as `expand`.
    """
    shared: dict[str, dict[str, Any]] = {}
    own: dict[str, Mapping[str, Any]] = {}
    for word, keys in entries:
        names = expand(word)
        if names == [word]:
            own[word], keys = keys, {}
        for name in names:
            shared.setdefault(name, {}).update(keys)
    return {name: {**keys, **own.get(name, {})} for name, keys in shared.items()}


def _matches(family: str, pattern: str) -> list[str]:
    spec = _spec(family)
    if spec.members is None:
        raise DynconvError(f"dataset '{family}/{pattern}': {family} has no members; valid: {family}")
    if not spec.members:
        raise DynconvError(f"dataset '{family}/{pattern}': any name may follow {family}/, so a pattern matches none")
    matching = [name for name in spec.members if fnmatchcase(name, pattern)]
    if not matching:
        close = [name for name in spec.members if fnmatchcase(name.lower(), pattern.lower())]
        close = close or difflib.get_close_matches(pattern.strip("*?"), spec.members)
        like = f" (did you mean {', '.join(close[:3])}?)" if close else ""
        words = [f"{family}/*", *spec.subsets]
        raise DynconvError(f"dataset '{family}/{pattern}': no member of {family} matches{like}; {valid(words)}")
    return [f"{family}/{name}" for name in matching]


def _spec(family: str) -> Any:
    """The file's SPEC, a `dynconv.data.base.Spec`: that module is above this one."""
    return plugins.load(DATASETS, family).SPEC
