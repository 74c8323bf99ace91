"""Responses with files to download."""

from flask import Response


def receipt(text: str, number: int, headers: dict[str, str]) -> Response:
    named = {"Content-Disposition": f'attachment; filename="entry-{number}.tlog-proof"'}
    return Response(text, mimetype="text/plain", headers={**headers, **named})
