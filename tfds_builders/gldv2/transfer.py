"""One file over HTTP: continued where it stopped, tried again, and never half of it for the whole."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterator
from pathlib import Path

import requests
from tqdm import tqdm

from keras_sketch.errors import MissingDataError
from keras_sketch.files import atomic_write

log = logging.getLogger(__name__)

CONNECT_SECONDS, READ_SECONDS = 10, 60
BY_HAND = "put the published files into a folder and give it with --manual-dir DIR"

# What is lost of a cut connection is less than this.
_CHUNK_BYTES = 1 << 14
# How often in a row nothing may come before a download is given up, and the wait after the first time, which doubles.
_ATTEMPTS, _FIRST_WAIT_SECONDS = 5, 1.0
_TRANSIENT = frozenset({408, 425, 429, 500, 502, 503, 504})


def make_session() -> requests.Session:
    """Gives a session that asks for files as they are: lengths and places to go on from are of their own bytes."""
    session = requests.Session()
    session.headers["Accept-Encoding"] = "identity"
    return session


def get_text(session: requests.Session, url: str) -> str:
    """Downloads a small text.

    Raises:
        MissingDataError: It cannot be downloaded.
    """
    waits = _waits()
    while True:
        try:
            answer = session.get(url, timeout=(CONNECT_SECONDS, READ_SECONDS))
            answer.raise_for_status()
            return answer.text
        except requests.RequestException as error:
            _wait_or_fail(url, error, next(waits))


def download(session: requests.Session, url: str, partial: Path, has_md5: bool = False) -> None:
    """Downloads a file, or what is missing of it; tries again as long as something comes.

    Beside an unfinished file lies `<name>.version`, the server's word for which version of it the bytes are of. If
    that changes, or the server cannot send parts, the file is begun anew.

    Args:
        session: From `make_session`.
        url: The address.
        partial: The file that grows; its length is the server's once this returns.
        has_md5: Whether the caller will check the whole, so that a server that gives no version can be believed.

    Raises:
        MissingDataError: It cannot be downloaded.
        OSError: It cannot be written.
    """
    partial.parent.mkdir(parents=True, exist_ok=True)
    waits = _waits()
    while True:
        before = _size(partial)
        try:
            if _receive(session, url, partial, has_md5):
                _version_file(partial).unlink(missing_ok=True)
                return
            error = requests.ConnectionError("the connection was cut")
        except requests.RequestException as received:
            error = received
        if _size(partial) > before:
            waits = _waits()
        _wait_or_fail(url, error, next(waits))


def failed(url: str, error: requests.RequestException) -> MissingDataError:
    """Makes one sentence of what requests says: the address, the reason, what to do."""
    if error.response is not None:
        reason = f"{error.response.status_code} {error.response.reason}".strip()
    elif error.args and isinstance(error.args[0], str):
        reason = error.args[0]
    else:
        reason = type(error).__name__
    return MissingDataError(
        f"Cannot download {url} ({reason}): go online and start again, which goes on where it stopped, or {BY_HAND}."
    )


def _receive(session: requests.Session, url: str, partial: Path, has_md5: bool) -> bool:
    """Makes one request, for all or for what is missing, and appends what comes; tells whether that is all."""
    start, headers = _place_to_go_on(partial, has_md5)
    with session.get(url, headers=headers, stream=True, timeout=(CONNECT_SECONDS, READ_SECONDS)) as answer:
        total = _total(answer)
        if start and answer.status_code == 416:  # Nothing is behind what is there already.
            if total != start:
                partial.unlink()
            return total == start
        answer.raise_for_status()
        if answer.status_code == 206 and not answer.headers.get("Content-Range", "").startswith(f"bytes {start}-"):
            partial.unlink(missing_ok=True)
            return False
        if answer.status_code != 206:
            start = 0
            partial.unlink(missing_ok=True)
            with atomic_write(_version_file(partial)) as file:
                file.write(_version(answer))
        _append(answer, partial, start, total)
    if total is None or _size(partial) == total:
        return True
    if _size(partial) > total:
        partial.unlink()
    return False


def _place_to_go_on(partial: Path, has_md5: bool) -> tuple[int, dict[str, str]]:
    """The number of bytes that are there, and the headers that ask for those behind."""
    version = _version_file(partial).read_text() if _version_file(partial).is_file() else ""
    start = _size(partial) if version or has_md5 else 0
    if not start:
        return 0, {}
    return start, {"Range": f"bytes={start}-", **({"If-Range": version} if version else {})}


def _append(answer: requests.Response, partial: Path, start: int, total: int | None) -> None:
    """Writes the body behind what is there, with a progress bar in bytes."""
    bar = tqdm(
        desc=partial.stem, total=total, initial=start, unit="B", unit_scale=True, delay=2, disable=None, leave=False
    )
    with bar, partial.open("ab") as file:
        for chunk in answer.iter_content(_CHUNK_BYTES):
            file.write(chunk)
            file.flush()
            bar.update(len(chunk))
        os.fsync(file.fileno())


def _total(answer: requests.Response) -> int | None:
    """The whole file's length in bytes, as far as the server says."""
    if answer.status_code in (206, 416):
        text = answer.headers.get("Content-Range", "").rpartition("/")[2]
    else:
        text = answer.headers.get("Content-Length", "")
    return int(text) if text.isdigit() else None


def _version(answer: requests.Response) -> str:
    """What `If-Range` compares: a strong ETag, else the time of change; empty without either."""
    tag = answer.headers.get("ETag", "")
    return tag if tag and not tag.startswith("W/") else answer.headers.get("Last-Modified", "")


def _version_file(partial: Path) -> Path:
    return partial.with_name(f"{partial.name}.version")


def _waits() -> Iterator[float | None]:
    """Seconds to wait before each further attempt, then None."""
    for attempt in range(_ATTEMPTS - 1):
        yield _FIRST_WAIT_SECONDS * 2**attempt
    yield None


def _wait_or_fail(url: str, error: requests.RequestException, wait: float | None) -> None:
    """Waits before another attempt, or raises where there is none or it would not help."""
    answer = error.response
    if wait is None or (answer is not None and answer.status_code not in _TRANSIENT):
        raise failed(url, error) from error
    log.info("%s: %s; another attempt in %.0f s.", url, type(error).__name__, wait)
    time.sleep(wait)


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0
