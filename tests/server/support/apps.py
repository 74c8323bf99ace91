"""The server's app for one test after the other, because making it takes 80 ms.

`create_app` gives an app the event of its test. A test that changes its app, such as by a route,
takes the fixture `own_app`: Flask refuses such changes once an app has answered a request.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from flask import Flask

from server.app import app as app_module
from server.core.translations import OWN
from server.web.security import limiter

Free = dict[object, list[Flask]]


@pytest.fixture(scope="session")
def _free_apps() -> Free:
    return {}


@pytest.fixture(autouse=True)
def _apps_are_reused(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, _free_apps: Free
) -> Iterator[None]:
    if "own_app" in request.fixturenames:
        yield
        return
    make_app = app_module.make_app
    used: list[tuple[object, Flask]] = []

    def reused(names: Mapping[str, str], time_zone: str, path: Path) -> Flask:
        if (path / OWN).exists():
            return make_app(names, time_zone, path)
        key = (*names.items(), time_zone)
        free = _free_apps.setdefault(key, [])
        if free:
            limiter.reset()
        app = free.pop() if free else make_app(names, time_zone, path)
        used.append((key, app))
        return app

    monkeypatch.setattr(app_module, "make_app", reused)
    yield
    for key, app in used:
        app.testing = False
        _free_apps[key].append(app)


@pytest.fixture
def own_app() -> None:
    """Let the test change its app."""
