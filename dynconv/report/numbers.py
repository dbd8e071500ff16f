"""Numbers as a reader wants them: few digits, true minus signs, a dash for what is not known."""

import math
from typing import Any

NONE, MINUS, TIMES = "\u2013", "\u2212", "\u00d7"
# Metrics between 0 and 1 are shown in per cent; their differences are percentage points.
FRACTIONS = frozenset({"accuracy", "accuracy_top5", "balanced_accuracy", "miou", "pixel_accuracy", "executed_fraction"})
LABELS = {
    "accuracy": "accuracy",
    "accuracy_top5": "top-5 accuracy",
    "balanced_accuracy": "balanced accuracy",
    "miou": "mIoU",
    "pixel_accuracy": "pixel accuracy",
    "loss": "loss",
}


def known(value: Any) -> bool:
    """Whether there is a finite number to show."""
    return value is not None and not isinstance(value, str) and math.isfinite(value)


def lower_is_better(metric: str) -> bool:
    """Whether a smaller value of the metric is the better one."""
    return metric == "loss"


def label(metric: str) -> str:
    """The metric's name in prose."""
    return LABELS.get(metric, metric)


def task_title(task: str) -> str:
    """The name of a task as a heading."""
    return "Time series" if task == "timeseries" else task.capitalize()


def unit(metric: str) -> str:
    """The unit of a value of the metric, with its leading space."""
    return " %" if metric in FRACTIONS else ""


def scale(metric: str) -> float:
    """The factor from the table's units to the ones shown."""
    return 100.0 if metric in FRACTIONS else 1.0


def value(number: Any, metric: str) -> str:
    """A value of the metric, without its unit: `94.2`."""
    if not known(number):
        return NONE
    return f"{number * 100:.1f}" if metric in FRACTIONS else three(number)


def three(number: float) -> str:
    """Three significant digits, zeros at the end among them: `1.00`, `0.0340`, `123`."""
    return f"{number:#.3g}".removesuffix(".")


def difference(number: Any, metric: str) -> str:
    """A difference with its sign, unless it rounds to zero: `+1.2`."""
    if not known(number):
        return NONE
    text = f"{number * 100:.1f}" if metric in FRACTIONS else three(number)
    if float(text) == 0:
        return text.lstrip("-")
    return minus(text) if text.startswith("-") else f"+{text}"


def interval(low: Any, high: Any, metric: str) -> str:
    """`[+0.4, +2.1]`, or a dash."""
    return f"[{difference(low, metric)}, {difference(high, metric)}]" if known(low) and known(high) else NONE


def half_width(low: Any, high: Any, metric: str) -> str:
    """`± 1.2` of a symmetric interval, or nothing."""
    return f"± {value((high - low) / 2, metric)}" if known(low) and known(high) else ""


def p_value(p: Any) -> str:
    """`0.063`, `<0.001`."""
    if not known(p):
        return NONE
    return "<0.001" if p < 0.001 else f"{p:.3f}"


def ratio(number: Any) -> str:
    """How many times the control's, with a multiplication sign."""
    if not known(number):
        return NONE
    return f"{number:.2f}{TIMES}" if number < 10 else f"{number:.0f}{TIMES}"


def signed(number: Any) -> str:
    """A signed coefficient between -1 and 1: `+0.50`."""
    return minus(f"{number:+.2f}" if abs(number) >= 0.005 else "0.00") if known(number) else NONE


def count(number: Any) -> str:
    """A large count to three digits: `11.2 M`, `944 k`, `12`."""
    if not known(number):
        return NONE
    for size, suffix in ((1e12, " T"), (1e9, " G"), (1e6, " M"), (1e3, " k")):
        if number >= size * 0.9995:  # what rounds to 1000 k is 1.00 M
            return f"{number / size:#.3g}".removesuffix(".") + suffix
    return f"{number:.0f}"


def rate(number: Any) -> str:
    """Examples a second to three digits: `0.42`, `87.1`, `5.89 k`."""
    return f"{number:.3g}" if known(number) and number < 99.95 else count(number)


def integer(number: Any) -> str:
    """An integer with thin spaces between thousands."""
    return f"{int(number):,}".replace(",", "\u202f") if known(number) else NONE


def seconds(number: Any) -> str:
    """A duration: `850 ms`, `12.3 s`, `4.2 min`, `3.1 h`."""
    if not known(number):
        return NONE
    if number < 1:
        return f"{number * 1000:.3g} ms"
    if number < 120:
        return f"{number:.1f} s"
    return f"{number / 60:.1f} min" if number < 7200 else f"{number / 3600:.1f} h"


def amount(number: Any) -> str:
    """A positive amount to three digits at least: `0.042`, `12.3`, and in full from a thousand on."""
    if not known(number):
        return NONE
    return f"{number:.3g}" if number < 999.5 else integer(round(number))


def kilowatt_hours(joules: Any) -> str:
    """Energy in kWh, without the unit: `12.3`."""
    return amount(joules / 3.6e6) if known(joules) else NONE


def minus(text: str) -> str:
    """The text with true minus signs."""
    return text.replace("-", MINUS)


def printable(text: str) -> str:
    """The text on one line, with a mark for each character that cannot be printed, which XML may not hold."""
    return "".join(c if c.isprintable() else " " if c.isspace() else "\ufffd" for c in text)


def shorten(name: str, length: int = 26) -> str:
    """The name, `printable`, cut in the middle when it is longer than a figure has room for."""
    name = printable(name)
    if len(name) <= length:
        return name
    head = (length - 1) * 2 // 3
    return f"{name[:head]}…{name[-(length - 1 - head) :]}"


def listing(names: list[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
