"""Every number of the page is the one that its table holds in the row that the page names."""

import json

import pytest
from report_page import Page

from dynconv import records

EXACT = ("mean", "sum", "count", "min", "max", "median")


def traced(page: Page):
    """Every number that says where it comes from: (file, column, rows, how, value)."""
    for table in page.tables:
        headings = table.rows[0]
        for row in table.rows[1:]:
            for place, cell in enumerate(row.cells):
                if "data-value" not in cell:
                    continue
                heading = headings.cells[place] if place < len(headings.cells) else {}
                places = (cell, row.attributes, heading, table.attributes)

                def said(name, places=places):
                    return next((p[name] for p in places if name in p), None)

                own = {
                    **json.loads(row.attributes.get("data-where", "{}")),
                    **json.loads(heading.get("data-where", "{}")),
                }
                where = json.loads(cell["data-where"]) if "data-where" in cell else own
                yield said("data-source"), said("data-column"), where, said("data-how"), float(cell["data-value"])


def test_every_number_is_in_its_table(built, page):
    frames, counted = {}, {"exact": 0, "aggregate": 0, "said": 0}
    for source, column, where, how, value in traced(page):
        assert source and column, (source, column, where, value)
        if not source.endswith(".parquet"):  # the study
            assert (built / source).is_file() and how
            continue
        frame = frames.get(source)
        if frame is None:
            name = source.rpartition("/")[2].removesuffix(".parquet")
            frame = frames[source] = records.read(name, built / source).to_pandas()
        rows = frame
        for key, wanted in where.items():
            rows = rows[rows[key] == wanted]
        assert len(rows), (source, where)
        if how in EXACT:
            assert rows[column].agg(how) == pytest.approx(value), (source, column, where, how)
            counted["aggregate"] += 1
        elif how == "minus":
            assert (-rows[column]).tolist() == [value], (source, column, where)
            counted["exact"] += 1
        elif how:
            counted["said"] += 1
        else:
            assert rows[column].tolist() == [value], (source, column, where)
            counted["exact"] += 1
    assert counted["exact"] > 200 and counted["aggregate"] > 100 and counted["said"] > 20


def test_every_table_of_numbers_says_its_file(page):
    for table in page.tables:
        for row in table.rows:
            for place, cell in enumerate(row.cells):
                heading = table.rows[0].cells[place] if place < len(table.rows[0].cells) else {}
                if "data-value" in cell:
                    assert any("data-source" in found for found in (cell, row.attributes, heading, table.attributes))
