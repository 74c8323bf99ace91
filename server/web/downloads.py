"""Answers with files to keep."""

from flask import Response


def receipt(text: str, number: int, headers: dict[str, str]) -> Response:
    """Answer with a receipt, as a text file for anybody (docs/entry-log.md)."""
    named = {"Content-Disposition": f'attachment; filename="entry-{number}.tlog-proof"'}
    return Response(text, mimetype="text/plain", headers={**headers, **named})
