"""What a table is: its columns, with their types and meanings."""

from dataclasses import dataclass

import pyarrow as pa

from dynconv import __version__

# Of all tables together; `schema_history.py` says what each version changed and how older files are read.
SCHEMA_VERSION = 2

TEXT, INTEGER, REAL, FLAG = pa.string(), pa.int64(), pa.float64(), pa.bool_()
TIME = pa.timestamp("us", tz="UTC")
COUNTS = pa.list_(pa.int64())
TEXTS = pa.list_(pa.string())
BYTES = pa.binary()


@dataclass(frozen=True)
class Column:
    """One column: its name (with its unit), Arrow type and meaning.  A key column is never null."""

    name: str
    type: pa.DataType
    doc: str
    key: bool = False


@dataclass(frozen=True)
class Table:
    """One table: what a row is, and its columns, keys first."""

    name: str
    doc: str
    columns: tuple[Column, ...]

    @property
    def schema(self) -> pa.Schema:
        """The Arrow schema; each field's metadata carries the column's documentation."""
        fields = [pa.field(c.name, c.type, nullable=not c.key, metadata={"doc": c.doc}) for c in self.columns]
        said = {"dynconv.table": self.name, "dynconv.schema": str(SCHEMA_VERSION), "dynconv.version": __version__}
        return pa.schema(fields, metadata=said)

    @property
    def keys(self) -> list[str]:
        """Columns that together name a row."""
        return [c.name for c in self.columns if c.key]


def key(name: str, kind: pa.DataType, doc: str) -> Column:
    """One of the columns that together name a row."""
    return Column(name, kind, doc, key=True)
