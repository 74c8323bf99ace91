"""Serves static files: the base's, and each feature's from its own folder."""

from collections.abc import Iterable
from pathlib import Path

from flask import Flask, Response, abort, current_app

from server.web.downloads import send_path

_EXTENSION = "hallkeeper-static"


def register(app: Flask, folders: Iterable[Path]) -> None:
    """Serve them at /static/. No two have the same name."""
    files: dict[str, Path] = {}
    for path in sorted(path for folder in folders for path in folder.iterdir()):
        if path.name in files:
            raise ValueError(f"two static files are called {path.name}: {files[path.name]}, {path}")
        files[path.name] = path
    app.extensions[_EXTENSION] = files
    app.add_url_rule("/static/<path:filename>", "static", _send)


def static_path(filename: str) -> Path:
    """Aborts with 404 if there is none."""
    files: dict[str, Path] = current_app.extensions[_EXTENSION]
    return files.get(filename) or abort(404)


def _send(filename: str) -> Response:
    return send_path(static_path(filename), conditional=True)
