"""Serves the steward's page on loopback to one browser, full screen."""

import secrets
import socket
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Self

from flask import Flask
from waitress import wasyncore
from waitress.server import create_server

from kiosk.clock import now_ms
from kiosk.screen.actions import DOORS, Actions
from kiosk.screen.board import Board
from kiosk.screen.entrance import Entrance
from kiosk.screen.feed import Feeds
from kiosk.screen.languages import add_languages
from kiosk.screen.pages import BODY_BYTES_MAX, Screen, SharedPicture, act, blueprint
from kiosk.screen.port_owner import name_of, stranger_at
from kiosk.supervisor.supervision import Need, Supervision

LOOPBACK = "127.0.0.1"
THREADS = 12  # enough for four feeds and short requests beside them
JOIN_S = 5.0
ANSWER_S = 5.0
PICTURE_S = 0.1  # ten pictures a second
PORT_MAX = 65_535


class ScreenError(Exception):
    """The page can't be served. The text has the reason and the remedy."""


def create_screen(
    board: Board,
    preview: Callable[[], bytes | None],
    *,
    languages: Sequence[str] = (),
    answer_s: float = ANSWER_S,
    picture_s: float = PICTURE_S,
    now: Callable[[], int] | None = None,
    supervision: Supervision | None = None,
    answer: Callable[[Need], Any] = lambda _: None,
    entrance: Entrance | None = None,
) -> Flask:
    """The page as a Flask app. `preview` returns the newest camera picture as JPEG, or None.

    `languages` are shown in this order, the first two at once; without any, the browser chooses.
    `answer_s` is how long an answer stays, and `picture_s` the time between camera pictures.
    Without `supervision` there are no supervisors. `answer` waits for what their actions need.
    `entrance` knows the browsers that may see the page; the default knows none, and forgets with
    the app. Raises CatalogueError.
    """
    app = Flask("kiosk.screen")
    add_languages(app, languages)
    app.config["MAX_CONTENT_LENGTH"] = BODY_BYTES_MAX
    actions = Actions(board, supervision)
    app.extensions["screen"] = Screen(
        board=board,
        actions=actions,
        answer=answer,
        token=secrets.token_urlsafe(32),
        key=secrets.token_urlsafe(32),
        entrance=entrance or Entrance(),
        feeds=Feeds(on_ended=board.wake),
        answer_s=answer_s,
        picture=SharedPicture(preview, picture_s),
        now=now or now_ms,
    )
    app.register_blueprint(blueprint)
    for path in actions.paths:
        app.add_url_rule(path, path, act, methods=["GET" if path == DOORS else "POST"])
    return app


class ScreenServer:
    """The page, served on loopback until it is closed. A context manager."""

    def __init__(self, app: Flask, port: int) -> None:
        """Port 0 takes any free port. Raises ScreenError."""
        self.app = app
        self._feeds = app.extensions["screen"].feeds
        # Bound here because a server that fails to bind leaves its own sockets open.
        listener = _listen(port)
        self._server = create_server(app, sockets=[listener], threads=THREADS, ident=None)
        self.port = int(self._server.effective_port)
        self.url = f"http://{LOOPBACK}:{self.port}/"
        self._entrance: Entrance = app.extensions["screen"].entrance
        self._entrance.serve_at(self.url)
        self._thread = threading.Thread(target=self._server.run, name="screen", daemon=True)
        self._thread.start()

    @property
    def link(self) -> str:
        """The link that opens the page in one browser, once. Then there is a new link."""
        return self._entrance.link

    def close(self) -> None:
        if not self._thread.is_alive():
            return
        self._feeds.close()
        self._server.task_dispatcher.shutdown(timeout=JOIN_S)
        # Only the selecting thread may close its sockets, and its loop ends without any. If that
        # thread is awake already, it may have closed the trigger before it is pulled.
        with suppress(OSError):
            self._server.trigger.pull_trigger(lambda: wasyncore.close_all(self._server._map))
        self._thread.join(JOIN_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _listen(port: int) -> socket.socket:
    if not 0 <= port <= PORT_MAX:
        raise ScreenError(f"port {port} does not exist: choose one from 1024 to {PORT_MAX}")
    try:
        return socket.create_server((LOOPBACK, port))
    except OSError as error:
        user = stranger_at(port)
        holder = "another kiosk may be running" if user is None else f"{name_of(user)} has it"
        raise ScreenError(
            f"port {port} of {LOOPBACK} can't be had ({error.strerror}): {holder};"
            " choose another --port"
        ) from None
