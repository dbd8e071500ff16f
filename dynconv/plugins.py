"""Plugins are files: the name of a variant or dataset *is* the name of its module."""

import ast
import importlib
import importlib.util
from pathlib import Path
from types import ModuleType

from dynconv.errors import DynconvError, valid

VARIANTS = "dynconv.models.variants"
DATASETS = "dynconv.data.datasets"


def names(package: str) -> list[str]:
    """Sorted names of the plugins in `package`, read from the folder: no plugin is executed."""
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise DynconvError(f"{package}: no such package of plugins")
    files = (file for folder in spec.submodule_search_locations for file in Path(folder).glob("*.py"))
    return sorted({file.stem for file in files if not file.stem.startswith("_")})


def keywords(package: str, name: str, function: str) -> list[str]:
    """The keyword-only arguments of `function` in plugin `name`, read from its source: no plugin is executed."""
    spec = importlib.util.find_spec(f"{package}.{name}")
    source = Path(spec.origin).read_text(encoding="utf-8") if spec and spec.origin else ""
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef) and node.name == function:
            return [argument.arg for argument in node.args.kwonlyargs]
    raise DynconvError(f"{package}.{name}: a plugin of this kind has a function {function!r}; this file has none")


def load(package: str, name: str) -> ModuleType:
    """Import and return the plugin `name` of `package`.

    Raises:
        DynconvError: there is no such plugin; the message lists those there are.
    """
    known = names(package)
    if name not in known:
        raise DynconvError(f"unknown {package.rsplit('.', 1)[-1].rstrip('s')} {name!r}; {valid(known)}")
    return importlib.import_module(f"{package}.{name}")
