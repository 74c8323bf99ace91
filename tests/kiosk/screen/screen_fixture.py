"""The steward's page under test: a board, and the page's requests and callbacks."""

import json

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from badges.admission.facts import Direction
from kiosk.screen.board import Board
from kiosk.screen.camera_page import add_camera_page
from kiosk.screen.pages import TOKEN_HEADER
from kiosk.screen.serving import create_screen

NOW = 1_790_000_000_000
JPEG = b"\xff\xd8picture\xff\xd9"
CODE = "HK6BF4 N%$*+-./:A"
OWN = "http://localhost"


class Face:
    def __init__(self) -> None:
        self.typed: list[str] = []
        self.turned: list[Direction] = []
        self.pictures = 0
        self.picture: bytes | None = JPEG
        self.serves_both = True
        self.board = Board(self.typed.append, self._turn)
        self.app = create_screen(self.board, self.preview, languages=("zh", "en"), now=lambda: NOW)
        add_camera_page(self.app, None)
        self.token: str = self.app.extensions["screen"].token

    def _turn(self, direction: Direction) -> bool:
        if self.serves_both:
            self.turned.append(direction)
        return self.serves_both

    def preview(self) -> bytes | None:
        self.pictures += 1
        return self.picture

    def own(self) -> dict[str, str]:
        """The headers of the page's own requests."""
        return {TOKEN_HEADER: self.token, "Origin": OWN}


def opened(app: Flask, host: str = "localhost") -> FlaskClient:
    """A browser that has opened the screen by its link."""
    client = app.test_client()
    answer = client.get(app.extensions["screen"].entrance.link, headers={"Host": host})
    assert answer.status_code == 303
    return client


def post(client: FlaskClient, path: str, body: object, headers: dict[str, str]) -> TestResponse:
    return client.post(
        path, data=json.dumps(body), content_type="application/json", headers=headers
    )
