"""Responses with files to download."""

from flask import Response

MIME_TYPES = {
    "csv": "text/csv",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


def receipt(text: str, number: int, headers: dict[str, str]) -> Response:
    named = {"Content-Disposition": f'attachment; filename="entry-{number}.tlog-proof"'}
    return Response(text, mimetype="text/plain", headers={**headers, **named})
