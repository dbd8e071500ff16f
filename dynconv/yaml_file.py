"""Reads YAML that people write."""

from pathlib import Path
from typing import Any

import yaml

from dynconv.errors import DynconvError, valid


def read(path: Path, what: str) -> Any:
    """The content of the file; `what` it should be ("study") is told where there is none.

    Raises:
        DynconvError: one line: no such file, not readable, not YAML, or a key that is written twice.
    """
    try:
        return yaml.load(path.read_text(encoding="utf-8"), Loader=_UniqueKeys)
    except FileNotFoundError:
        near = sorted(str(p) for p in path.parent.glob("*.y*ml")) if path.parent.is_dir() else []
        raise DynconvError(f"{path}: no such {what}; {valid(near)}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise DynconvError(f"{path}: cannot be read: {error}") from error
    except yaml.YAMLError as error:
        raise DynconvError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from error


class _UniqueKeys(yaml.SafeLoader):
    """SafeLoader that refuses a key written twice instead of silently keeping the last."""

    def construct_mapping(self, node, deep=False):
        seen = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=deep)
            if isinstance(key, str) and key in seen:
                raise yaml.YAMLError(f"key {key!r} is written twice (line {key_node.start_mark.line + 1})")
            seen.add(key if isinstance(key, str) else repr(key))
        return super().construct_mapping(node, deep)
