"""Quantities as people read and write them."""

import re


def number(value: float) -> str:
    """To three digits, whole from 100 on: `0.0123`, `1.23`, `1234`."""
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def duration(seconds: float) -> str:
    """`h:mm:ss`, or `d-hh:mm:ss` from a day on, as Slurm writes it."""
    minutes, second = divmod(round(seconds), 60)
    hours, minute = divmod(minutes, 60)
    days, hour = divmod(hours, 24)
    return f"{days}-{hour:02}:{minute:02}:{second:02}" if days else f"{hour}:{minute:02}:{second:02}"


def size(count: float) -> str:
    """Bytes for people: `1.5 GB`."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 999.5:
            return f"{count:.0f} {unit}" if unit == "B" or count >= 100 else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


def parse_size(text: str) -> int:
    """Bytes of `200G`, `1.5 TB`, `500M` or `1000000`; units are powers of 1000, as in `size`.

    Raises:
        ValueError: it is none of these.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?) ?([KMGT]?)B?", text.strip(), re.IGNORECASE)
    if not found:
        raise ValueError(f"{text!r} is no size; valid: a number of bytes, perhaps with K, M, G or T, such as 200G")
    return int(float(found[1]) * 1000 ** " KMGT".index(found[2].upper() or " "))
