"""Sizes are written as they are read."""

import pytest

from dynconv.quantities import parse_size, size


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("0", 0),
        ("1000000", 10**6),
        ("500M", 5 * 10**8),
        ("1.5 TB", 1_500_000_000_000),
        ("200g", 2 * 10**11),
        ("2kB", 2000),
    ],
)
def test_sizes_are_read(text, count):
    assert parse_size(text) == count
    assert parse_size(size(count)) == count


@pytest.mark.parametrize("text", ["", "G", "-1", "1e9", "20 bananas", "1.G", "5Gi", "nan"])
def test_what_is_no_size_is_named(text):
    with pytest.raises(ValueError, match="is no size; valid: a number of bytes"):
        parse_size(text)
