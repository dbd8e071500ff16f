"""The one exception that reaches the user as a single line, without a traceback."""


class DynconvError(Exception):
    """What was wrong, where, and what would be valid, in one line.  The command line exits with 2."""


def valid(names) -> str:
    """`valid: a, b, c`: the closing half of every error about a wrong name."""
    names = [name if name.isprintable() else repr(name) for name in sorted(map(str, names))]
    return "valid: " + (", ".join(names) if names else "(none)")
