"""Writes the server's log, as text or as one JSON object a line.

A request's line has its route, and never address, query, body, headers or user, which may contain
names and tokens.
"""

import json
import logging
import sys
import time
from datetime import UTC, datetime
from typing import TextIO

from flask import Flask, Response, g, request

log = logging.getLogger("hallkeeper.requests")


class JsonLines(logging.Formatter):
    """Formats log records as JSON. Of an exception only the type is written."""

    def format(self, record: logging.LogRecord) -> str:
        fields: dict[str, object] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "from": record.name,
            "message": record.getMessage(),
        }
        more = getattr(record, "fields", None)
        if isinstance(more, dict):
            fields |= more
        if record.exc_info and record.exc_info[0] is not None:
            # An exception's text and frames may quote input.
            fields["exception"] = record.exc_info[0].__name__
        return json.dumps(fields, ensure_ascii=False)


class _Lines(logging.StreamHandler[TextIO]):
    pass


def write_lines() -> None:
    handler = _Lines(sys.stderr)
    formatter = logging.Formatter("%(asctime)sZ %(message)s", "%Y-%m-%dT%H:%M:%S")
    formatter.converter = time.gmtime
    handler.setFormatter(formatter)
    logging.getLogger().addHandler(handler)


def write_json_lines(app: Flask) -> logging.Handler:
    """Log to standard error as JSON lines, with a line for each request. Return the handler, for
    tests.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    root = logging.getLogger()
    root.handlers = [other for other in root.handlers if not isinstance(other, _Lines)]
    root.addHandler(handler)
    # Flask's own handler would write each line twice.
    app.logger.handlers.clear()
    log.setLevel(logging.INFO)
    app.before_request(_begin)
    app.after_request(_end)
    return handler


def _begin() -> None:
    g.began_at = time.perf_counter()


def _end(response: Response) -> Response:
    began_at: float = g.get("began_at", time.perf_counter())
    method = request.method if request.url_rule else "other"
    answered(method, str(request.url_rule or "unknown"), response.status_code, began_at)
    return response


def answered(method: str, route: str, status: int, began_at: float) -> None:
    if log.isEnabledFor(logging.INFO):
        fields = {
            "method": method,
            "route": route,
            "status": status,
            "ms": round((time.perf_counter() - began_at) * 1000, 1),
        }
        log.info("request", extra={"fields": fields})
