"""Writes the server's log as one JSON object a line, where the event's settings say so.

A line has when, how grave, where from, and what. A request has its route, and never its address,
its query, its body, a header or who asked: those may hold names and tokens.
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
    """Formats a record as one line of JSON. Of an exception it tells the kind alone."""

    def format(self, record: logging.LogRecord) -> str:
        said: dict[str, object] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "from": record.name,
            "message": record.getMessage(),
        }
        more = getattr(record, "fields", None)
        if isinstance(more, dict):
            said |= more
        if record.exc_info and record.exc_info[0] is not None:
            # The exception's text and its frames may quote what somebody sent.
            said["exception"] = record.exc_info[0].__name__
        return json.dumps(said, ensure_ascii=False)


class _Lines(logging.StreamHandler[TextIO]):
    """Writes lines as `write_lines` says."""


def write_lines() -> None:
    """Let all logs go to standard error, each line with when it was written (UTC)."""
    handler = _Lines(sys.stderr)
    formatter = logging.Formatter("%(asctime)sZ %(message)s", "%Y-%m-%dT%H:%M:%S")
    formatter.converter = time.gmtime
    handler.setFormatter(formatter)
    logging.getLogger().addHandler(handler)


def write_json_lines(app: Flask) -> logging.Handler:
    """Let all logs go to standard error as JSON lines, with a line for each request.

    Return the handler, by which tests read what is written.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    root = logging.getLogger()
    root.handlers = [one for one in root.handlers if not isinstance(one, _Lines)]
    root.addHandler(handler)
    # Flask's own handler would write each line a second time.
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
    """Write the line of a request that was answered now, where requests are written at all."""
    if log.isEnabledFor(logging.INFO):
        fields = {
            "method": method,
            "route": route,
            "status": status,
            "ms": round((time.perf_counter() - began_at) * 1000, 1),
        }
        log.info("request", extra={"fields": fields})
