"""That an app serves the next test as it was made, or not at all (tests/once/pages/apps.py)."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from flask import Flask, render_template
from jinja2 import DictLoader, TemplateNotFound

from server.web.auth import allow_everybody
from server.web.security import limiter
from tests.once.pages.apps import Pool

FORUM = {"en": "Forum"}, "Asia/Shanghai"


def small(names: Mapping[str, str], time_zone: str, path: Path) -> Flask:
    """An app that is made in no time."""
    app = Flask(__name__)
    app.view_functions["admin.home"] = lambda: ""
    app.jinja_env.filters["span"] = repr
    limiter.init_app(app)
    return app


@pytest.fixture(scope="module")
def pool() -> Pool:
    return Pool(make=small)


def add_a_route(app: Flask) -> None:
    app.add_url_rule("/new", "new", allow_everybody(lambda: "new"))


def answer_another_way(app: Flask) -> None:
    app.view_functions["admin.home"] = lambda: "home"


def set_something(app: Flask) -> None:
    app.config["TRAP_HTTP_EXCEPTIONS"] = True


def show_more(app: Flask) -> None:
    app.jinja_env.globals["more"] = 1


def stand_before_it(app: Flask) -> None:
    app.wsgi_app = lambda *_: []


def replace_a_filter(app: Flask) -> None:
    app.jinja_env.filters["span"] = str


def take_note(app: Flask) -> None:
    app.before_request(lambda: None)


def read_other_templates(app: Flask) -> None:
    app.jinja_loader = DictLoader({})


CHANGES = (
    add_a_route, answer_another_way, set_something, show_more, stand_before_it, replace_a_filter,
    take_note, read_other_templates,
)  # fmt: skip


def test_the_next_test_has_it(pool: Pool, tmp_path: Path) -> None:
    first, other = pool.take(*FORUM, tmp_path), pool.take(*FORUM, tmp_path)
    assert first is not other
    first.secret_key, first.testing = b"of this event", True
    with first.app_context(), pytest.raises(TemplateNotFound):
        render_template("none.html")
    pool.give_back(first)
    assert pool.take(*FORUM, tmp_path) is first
    assert not first.testing


@pytest.mark.parametrize("change", CHANGES)
def test_no_test_has_one_that_was_changed(
    pool: Pool, tmp_path: Path, change: Callable[[Flask], None]
) -> None:
    app = pool.take(*FORUM, tmp_path)
    change(app)
    pool.give_back(app)
    assert pool.take(*FORUM, tmp_path) is not app


@pytest.mark.parametrize("other", [({"en": "Fair"}, FORUM[1]), (FORUM[0], "Europe/Paris")])
def test_another_event_has_another(
    pool: Pool, tmp_path: Path, other: tuple[dict[str, str], str]
) -> None:
    app = pool.take(*FORUM, tmp_path)
    pool.give_back(app)
    assert pool.take(*other, tmp_path) is not app
    assert pool.take(*FORUM, tmp_path) is app


def test_words_of_an_event_stay_with_it(pool: Pool, tmp_path: Path) -> None:
    app = pool.take(*FORUM, tmp_path)
    pool.give_back(app)
    own = tmp_path / "translations/fr/LC_MESSAGES/server.po"
    own.parent.mkdir(parents=True)
    own.write_text('msgid "Venue"\nmsgstr "Lieu"\n')
    with_words = pool.take(*FORUM, tmp_path)
    pool.give_back(with_words)
    assert with_words is not app
    assert pool.take(*FORUM, tmp_path / "elsewhere") is app


def test_tests_of_the_same_change_share_it(pool: Pool, tmp_path: Path) -> None:
    plain = pool.take(*FORUM, tmp_path)
    pool.give_back(plain)
    pool.prepare = add_a_route
    changed = pool.take(*FORUM, tmp_path)
    pool.give_back(changed)
    assert changed is not plain
    assert "new" in changed.view_functions
    assert pool.take(*FORUM, tmp_path) is changed
    pool.prepare = None
    assert pool.take(*FORUM, tmp_path) is plain


def test_an_app_of_ones_own(pool: Pool, tmp_path: Path) -> None:
    pool.lends = False
    app = pool.take(*FORUM, tmp_path)
    pool.give_back(app)
    pool.lends = True
    assert pool.take(*FORUM, tmp_path) is not app
