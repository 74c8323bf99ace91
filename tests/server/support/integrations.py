"""An integration with a token, for tests of the interface."""

import os
from collections.abc import Iterable
from dataclasses import dataclass

from werkzeug.test import TestResponse

from server.features.integrations import tokens
from tests.server.support.pages import Pages


@dataclass
class Integration:
    """Sends requests with a token."""

    pages: Pages
    token: tokens.Token
    secret: str

    def ask(self, method: str, path: str, **more) -> TestResponse:
        headers = {"Authorization": f"Bearer {self.secret}", **more.pop("headers", {})}
        return self.pages.app.test_client(use_cookies=False).open(
            path, method=method, base_url="https://localhost", headers=headers, **more
        )


def integration(pages: Pages, scopes: Iterable[str] = tokens.SCOPES, days: int = 10) -> Integration:
    """Return an integration with a new token."""
    name = f"integration {os.urandom(3).hex()}"
    stored, secret = pages.database.write(
        lambda db: tokens.make(db, name, scopes, days, by="test", now=pages.now)
    )
    return Integration(pages, stored, secret)
