from collections.abc import Callable, Iterator
from typing import Any

from flask import Response

from server.storage.connection import Connection
from server.web import auth
from server.web.downloads import MIME_TYPES
from server.web.services import services

SHOWN_WITHIN_S = 1.0  # Longest wait until a piece's entries are on disk


def may_see_names() -> bool:
    return auth.may_open("admin.people.person")


def sent(
    name: str, kind: str, pieces: Callable[[Connection], Iterator[str] | Iterator[bytes]]
) -> Response:
    """Stream a file; each piece is from one database state."""
    here = services()

    def stream() -> Iterator[Any]:
        with here.database.reading() as db:
            for piece in pieces(db):
                here.database.wait_for_disk(SHOWN_WITHIN_S)
                yield piece

    return Response(
        stream(),
        mimetype=MIME_TYPES[kind],
        headers={"Content-Disposition": f'attachment; filename="{name}.{kind}"'},
    )
