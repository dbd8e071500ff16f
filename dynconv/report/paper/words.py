"""Small words for the methods text."""

_SMALL = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")


def count(number: int, noun: str) -> str:
    """`no run`, `one run`, `twelve runs`, `13 runs`."""
    return f"{_SMALL[number] if number < len(_SMALL) else number} {noun}{'' if number == 1 else 's'}"
