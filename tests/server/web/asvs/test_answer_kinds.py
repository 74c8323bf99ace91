"""Each answer states its type, and the app runs as in production (ASVS 4.1.1, 13.4.2)."""

from server.app.app import close_app, create_app
from server.core.event.directory import Event
from server.storage.database import Database
from tests.server.support.pages import Pages

TARGETS = (
    "/", "/admin/", "/admin/nothing", "/admin/entries.csv", "/admin/acts.csv",
    "/admin/entries.xlsx", "/openapi.json", "/healthz", "/readyz", "/api/v1/halls",
    "/api/server-key", "/static/style.css", "/static/live.js", "/b/worker.js", "/b/0000",
    "/admin/imports/sample/people.csv", "/admin/cards/", "/metrics",
)  # fmt: skip


def test_each_answer_names_its_kind_and_text_its_characters(pages: Pages) -> None:
    admin, wrong = pages.staff("admin"), {}
    for target in TARGETS:
        answer = admin.get(target)
        kind = answer.headers.get("Content-Type", "")
        if answer.data and not kind:
            wrong[target] = "nothing"
        # JSON is UTF-8 by definition (RFC 8259).
        if kind.startswith("text/") and "charset=utf-8" not in kind.lower():
            wrong[target] = kind
        answer.close()
        assert answer.headers["X-Content-Type-Options"] == "nosniff", target
    assert wrong == {}


def test_debugging_is_off(event: Event, site: Database) -> None:
    app = create_app(event, site)
    try:
        assert not app.debug
        assert not app.testing
        assert not app.config.get("PROPAGATE_EXCEPTIONS")
        assert not app.config.get("TRAP_HTTP_EXCEPTIONS")
    finally:
        close_app(app)
