"""Responses with files to download."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from flask import Response, send_file

MIME_TYPES = {
    "csv": "text/csv",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


def send_path(path: Path, **options: Any) -> Response:
    """Send a file. Flask takes a relative path for one inside the package `server.web`."""
    return send_file(path.absolute(), **options)


def send_counted(path: Path, count: Callable[[], object], **options: Any) -> Response:
    """Send a file, and call `count` before its last piece.

    A download that breaks is not counted. If `count` raises, the client gets no whole file. It runs
    without Flask's context.
    """
    response = send_path(path, **options)
    response.direct_passthrough = False  # otherwise Werkzeug closes the pieces alone
    pieces: Any = response.response
    response.call_on_close(pieces.close)
    response.response = _counted(pieces, count)
    return response


def _counted(pieces: Iterable[bytes], count: Callable[[], object]) -> Iterator[bytes]:
    kept = b""
    for piece in pieces:
        if kept:
            yield kept
        kept = piece
    count()
    yield kept


def receipt(text: str, number: int, headers: dict[str, str]) -> Response:
    named = {"Content-Disposition": f'attachment; filename="entry-{number}.tlog-proof"'}
    return Response(text, mimetype="text/plain", headers={**headers, **named})
