"""Where a number of the page comes from: which table, which row, which column.

A table says `data-source`, the path of its Parquet file in the results folder, or of several in a cell; a heading or a
cell says `data-column`; a row or a cell says `data-where`, the values of the columns that name its rows.  A cell that
sums up several rows says `data-how`.  `templates/trace.js` shows it to the reader who asks, and a test holds every
number against its file.
"""

import json
from typing import Any

from markupsafe import Markup


def where(**keys: Any) -> Markup:
    """The attribute ` data-where="{...}"` of a row or cell: the columns and values that name the rows of its table."""
    return Markup(' data-where="{}"').format(json.dumps(keys, ensure_ascii=False, default=_plain))


def _plain(value: Any) -> Any:
    """Numbers of numpy as JSON's own."""
    return value.item()
