"""Answers with files of records, which are written while they are sent."""

from collections.abc import Callable, Iterator
from typing import Any

from flask import Response

from server.storage.connection import Connection
from server.web import auth
from server.web.services import services

SHOWN_WITHIN_S = 1.0  # So long a piece waits until what it has is on disk.

KINDS = {
    "csv": "text/csv",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


def may_see_names() -> bool:
    """Tell whether whoever asks may see attendees' names, on pages and so in files as well."""
    return auth.may_open("admin.people.person")


def sent(
    name: str, kind: str, pieces: Callable[[Connection], Iterator[str] | Iterator[bytes]]
) -> Response:
    """Answer with a file of that name, whose pieces are made of one state after the other."""
    here = services()

    def made() -> Iterator[Any]:
        with here.database.reading() as db:
            for piece in pieces(db):
                here.database.wait_for_disk(SHOWN_WITHIN_S)
                yield piece

    return Response(
        made(),
        mimetype=KINDS[kind],
        headers={"Content-Disposition": f'attachment; filename="{name}.{kind}"'},
    )
