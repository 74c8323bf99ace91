"""Apps that are made once, and serve one test's event after the other.

An app with its five hundred routes and its templates takes longer to make than most tests take. A
test that changes its app, such as by a route of its own, has the fixture `own_app`. Where many
tests want the same change, their apps are `prepared`.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from server.app import app as app_module
from server.core.translations import OWN
from server.web import security


@dataclass
class Pool:
    """Keeps the apps that no test uses now, by what each was made of."""

    make: Callable[[Mapping[str, str], str, Path], Flask] = app_module.make_app
    free: dict[object, list[Flask]] = field(default_factory=dict)
    known: dict[Flask, tuple[object, dict[str, Any]]] = field(default_factory=dict)
    lends: bool = True
    prepare: Callable[[Flask], None] | None = None

    def take(self, names: Mapping[str, str], time_zone: str, path: Path) -> Flask:
        if not self.lends:
            return self.make(names, time_zone, path)
        key = tuple(names.items()), time_zone, _own_words(path), self.prepare
        if free := self.free.get(key):
            security.limiter.reset()
            return free.pop()
        app = self.make(names, time_zone, path)
        if self.prepare is not None:
            self.prepare(app)
        self.known[app] = key, _state(app)
        return app

    def give_back(self, app: Flask) -> None:
        if app not in self.known:
            return
        key, state = self.known[app]
        app.testing = False
        if _state(app) == state:
            self.free.setdefault(key, []).append(app)
        else:
            del self.known[app]


_POOL = Pool()


def give_back(app: Flask) -> None:
    """Let another test have an app that is closed, unless it is not as it was made."""
    _POOL.give_back(app)


@contextmanager
def prepared(change: Callable[[Flask], None]) -> Iterator[None]:
    """Let the block have apps that were changed so when they were made."""
    _POOL.prepare = change
    try:
        yield
    finally:
        _POOL.prepare = None


def _own_words(path: Path) -> tuple[tuple[Path, bytes], ...]:
    own = path / OWN
    return tuple((one.relative_to(own), one.read_bytes()) for one in sorted(own.rglob("*.po")))


def _state(app: Flask) -> dict[str, Any]:
    """Return what a test may have changed."""
    return {
        "config": {name: value for name, value in app.config.items() if name != "SECRET_KEY"},
        "views": dict(app.view_functions),
        "routes": [(rule.rule, rule.endpoint) for rule in app.url_map.iter_rules()],
        "hooks": [
            {scope: list(functions) for scope, functions in hooks.items()}
            for hooks in (app.before_request_funcs, app.after_request_funcs)
        ],
        # Flask makes it when the first template is read, which changes nothing.
        "loader": app.jinja_loader,
        "templates": dict(app.jinja_env.globals),
        "filters": dict(app.jinja_env.filters),
        "own": set(vars(app)) - {"jinja_env", "jinja_loader", "logger", "name", "static_folder"},
    }


@pytest.fixture(scope="session", autouse=True)
def apps_are_made_once() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(app_module, "make_app", _POOL.take)
        yield


@pytest.fixture
def own_app() -> Iterator[None]:
    """Let the test's apps be made for it alone, so that it may change them."""
    _POOL.lends = False
    yield
    _POOL.lends = True
