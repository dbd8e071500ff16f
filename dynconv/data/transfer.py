"""One file over HTTP, in as many pieces as it takes.

`<name>.part` is what has come so far, `<name>.part.json` what it is a part of: a later call continues it, from whoever
offers the same file.
"""

import json
import socket
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dynconv.data.bars import Advance
from dynconv.errors import DynconvError

if TYPE_CHECKING:
    from requests import Response, Session

_CHUNK = 1 << 14  # what has come of one is lost when the connection breaks: even a very bad line gets ahead
_TIMEOUT_S = (10, 60)  # to connect; without a byte
_TRIES = 4  # in a row that bring nothing new
_PAUSE_S = 0.5  # before the second try; doubled for each further one
_LONGEST_S = 60.0  # that a busy server may ask for
_NO_HOST = "no such host, or no network"  # another try will not change that either
_LASTING = (400, 401, 403, 404, 405, 410, 451)  # answers that another try will not change


def transfer(url: str, part: Path, advance: Advance) -> None:
    """Bring `part` to the whole content of `url`, from where it is.  Proxies are those of the environment.

    Raises:
        DynconvError: the server's answer, or what broke the connection; what has come is kept.
        OSError: the file cannot be written.
    """
    import requests
    import urllib3

    fruitless, most = 0, _size(part)
    while True:
        wait = 0.0
        try:
            with requests.Session() as session:
                if _pour(session, url, part, advance):
                    return
            cause = "the server closed the connection early"
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            cause, wait = _told(error), _asked(error)
        # More than ever, since a part may be begun anew: of a server that contradicts itself there would be no end.
        fruitless = 0 if _size(part) > most else fruitless + 1
        most = max(most, _size(part))
        if fruitless >= _TRIES or cause == _NO_HOST:
            raise DynconvError(f"{url}: {cause}")
        time.sleep(max(_PAUSE_S * 2**fruitless, wait))


def _pour(session: "Session", url: str, part: Path, advance: Advance) -> bool:
    """Ask for what is missing and append it; True when the file is whole."""
    known = _known(part)
    start = _size(part) if known else 0
    if known and start == known["total"]:  # it was killed between its last byte and what follows
        return True
    headers = {"Accept-Encoding": "identity"}  # the file's own bytes: what its checksum and its size are of
    if start:
        headers |= {"Range": f"bytes={start}-", "If-Range": known["validator"]}
    with session.get(url, headers=headers, stream=True, timeout=_TIMEOUT_S) as answer:
        if answer.status_code == 416 and start:  # the part is longer than the file
            forget(part)
            return False
        _refuse(url, answer)
        if answer.status_code == 206:
            own = answer.headers.get("Content-Range", "").startswith(f"bytes {start}-")
            if not own or _validator(answer) not in ("", known.get("validator")):  # a range of another file
                forget(part)
                return False
            done, mode = start, "ab"
        else:  # the whole file, since nothing was there, the server has another one now, or it knows no ranges
            done, mode = 0, "wb"
        length = answer.headers.get("Content-Length", "")
        total = done + int(length) if length.isdecimal() else None
        if mode == "wb":
            _note(part, answer, total)
        with part.open(mode) as file:
            advance(done, total)
            # As it comes: a server that calls a .tgz "encoded" means the file itself.
            for chunk in answer.raw.stream(_CHUNK, decode_content=False):
                file.write(chunk)
                done += len(chunk)
                advance(done, total)
    return total is None or done == total


def _refuse(url: str, answer: "Response") -> None:
    """Raise if the server sends something else than the file."""
    import requests

    told = f"{answer.status_code} {answer.reason}"
    if answer.status_code in _LASTING:
        raise DynconvError(f"{url}: {told}")
    if answer.status_code not in (200, 206):
        raise requests.HTTPError(told, response=answer)
    if answer.headers.get("Content-Type", "").startswith("text/html"):  # before it takes the place of what has come
        raise DynconvError(f"{url}: the server sent a web page in the place of the file")


def _validator(answer: "Response") -> str:
    """What stands for exactly these bytes; empty if the server says nothing of the kind."""
    etag = answer.headers.get("ETag", "")
    if etag and not etag.startswith("W/"):  # a weak one does not promise the same bytes
        return etag
    return answer.headers.get("Last-Modified", "")


def _note(part: Path, answer: "Response", total: int | None) -> None:
    """Remember which file the part is of."""
    part.unlink(missing_ok=True)  # first: the note must never be of other bytes than the part's
    _sidecar(part).write_text(json.dumps({"validator": _validator(answer), "total": total}), encoding="utf-8")


def _known(part: Path) -> dict[str, Any]:
    """What was noted of the part; empty if it cannot be continued."""
    try:
        noted = json.loads(_sidecar(part).read_text(encoding="utf-8"))
        return noted if noted["validator"] and "total" in noted else {}
    except (OSError, ValueError, TypeError, KeyError):
        return {}


def forget(part: Path) -> None:
    """Remove what has come so far."""
    for file in (part, _sidecar(part)):
        file.unlink(missing_ok=True)


def _sidecar(part: Path) -> Path:
    return part.with_name(f"{part.name}.json")


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _asked(error: Exception) -> float:
    """The pause in seconds that a busy server asks for: Zenodo counts the files of a minute."""
    answer = getattr(error, "response", None)
    told = answer.headers.get("Retry-After", "") if answer is not None else ""
    return min(float(told), _LONGEST_S) if told.isdecimal() else 0.0


def _told(error: Exception) -> str:
    """The innermost cause, which says what happened; the outer ones say where in the library."""
    cause: BaseException = error
    while cause.__context__ is not None:
        cause = cause.__context__
    if getattr(error, "response", None) is not None:
        cause = error
    if isinstance(cause, socket.gaierror):
        return _NO_HOST
    return " ".join(str(cause).split()) or type(cause).__name__
