"""`dynconv new`: a file that works as it is, to start from."""

import keyword
import re
from pathlib import Path

from dynconv import plugins
from dynconv.errors import DynconvError
from dynconv.files import write_text
from dynconv.study import DATASETS, VARIANTS

_PACKAGES = {"variant": VARIANTS, "dataset": DATASETS}


def new(kind: str, name: str) -> str:
    """Write the file of variant or dataset `name`; return what to do next.

    Raises:
        DynconvError: the name cannot name a module, or there is such a file already (it is left alone).
    """
    package = _PACKAGES[kind]
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name) or keyword.iskeyword(name):
        raise DynconvError(f"{name!r} cannot name a {kind}; valid: lower-case letters, digits and _, a letter first")
    if name in plugins.names(package):
        raise DynconvError(f"{kind} {name!r} exists already; valid: a name that `dynconv list {kind}s` does not show")
    here = Path(__file__).parent
    path = here.joinpath(*package.split(".")[1:], f"{name}.py")
    write_text(path, (here / "templates" / f"{kind}.py.txt").read_text(encoding="utf-8").replace("NAME", name))
    shown = path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
    return f"{shown}\nnext: edit it, add `{name}` under `{kind}s:` in your study, run `make test`"
