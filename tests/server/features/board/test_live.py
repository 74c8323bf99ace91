"""The overview's feed of changed parts."""

import json

import pytest

from server.core.event.directory import Event
from server.core.staff import users
from server.features.board import overview
from server.storage.database import Database
from server.web import live
from server.web.services import services_of
from tests.server.support.pages import Pages, Staff

prepare = Pages.issue  # for every attendee


class Feed:
    """A feed that is read message by message."""

    def __init__(self, someone: Staff) -> None:
        self.answer = someone.get("/admin/live")
        assert self.answer.status_code == 200
        assert self.answer.mimetype == "text/event-stream"
        self.stream = self.answer.iter_encoded()

    def __enter__(self) -> "Feed":
        assert next(self.stream) == b"retry: 1000\n\n"
        return self

    def __exit__(self, *_: object) -> None:
        self.answer.close()

    def parts(self) -> dict[str, str]:
        for message in self.stream:
            if message.startswith(b"data: "):
                return json.loads(message.removeprefix(b"data: "))
        raise EOFError


def test_it_works(pages: Pages, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "LOOK_S", 3600.0)  # It is notified, and does not just look again.
    main = pages.connected_kiosk("main-1", "main")
    with Feed(pages.staff("steward")) as feed:
        first = feed.parts()
        halls = {"hall-1", "hall-2", "hall-3"}
        others = {
            "latest",
            "kiosks",
            "discrepancies",
            "totals",
            "alerts",
            "taken",
            "idle",
            "idle-words",
        }
        assert {*halls, *others, "alerts-count", "taken-count", "notices", "clock"} == set(first)
        main.scan(pages.now, pages.serial("A1"))
        pages.send(main)
        changed = feed.parts()
    site = f"hall-{main.hall}"
    assert set(changed) == {site, "latest"}  # unchanged parts are not sent again
    assert "<b>1</b> of 500" in changed[site]


def test_who_may(shown: Pages) -> None:
    assert shown.staff("badge_desk").get("/admin/live").status_code == 403
    for role in ("steward", "supervisor", "auditor", "admin"):
        with Feed(shown.staff(role)) as feed:
            assert "latest" in feed.parts()


def test_a_stranger_is_told_to_stop_trying(shown: Pages) -> None:
    answer = shown.stranger().get("/admin/live", headers={"Accept": "text/event-stream"})
    assert answer.status_code == 401


def test_a_burst_is_one_change(pages: Pages) -> None:
    main = pages.connected_kiosk("main-1", "main")
    with Feed(pages.staff("steward")) as feed:
        feed.parts()
        for name in ("A1", "A2", "A3", "A4"):
            main.scan(pages.now, pages.serial(name))
            pages.send(main)
        changed = feed.parts()
        if "<b>4</b> of" not in changed[f"hall-{main.hall}"]:
            changed = feed.parts()
        assert "<b>4</b> of" in changed[f"hall-{main.hall}"]


def test_a_denied_scan_is_shown(pages: Pages, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "LOOK_S", 0.1)
    main = pages.connected_kiosk("main-1", "main")
    with Feed(pages.staff("steward")) as feed:
        feed.parts()
        main.scan(pages.now, None, decision="denied", reason="not_a_badge")
        pages.send(main)
        assert "Not a badge" in feed.parts()["latest"]


def test_parts_are_rendered_once_for_a_role(pages: Pages, monkeypatch: pytest.MonkeyPatch) -> None:
    rendered = []
    original = overview.parts
    monkeypatch.setattr(overview, "parts", lambda view: rendered.append(1) or original(view))
    with Feed(pages.staff("steward")) as first, Feed(pages.staff("steward")) as second:
        assert first.parts() == second.parts()
    assert len(rendered) == 1


def test_a_feed_ends_with_its_session(pages: Pages, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "LOOK_S", 0.1)
    with Feed(pages.staff("steward")) as feed:
        feed.parts()
        user = next(row for row in users.users(pages.database.reader) if row.role == "steward")
        pages.database.write(lambda db: users.end_sessions(db, user.user_id))
        with pytest.raises(EOFError):
            feed.parts()


def test_a_closed_feed_is_forgotten(shown: Pages) -> None:
    hub = services_of(shown.app).hub
    with Feed(shown.staff("steward")) as feed:
        feed.parts()
        assert hub.listeners == 1
    assert hub.listeners == 0


def test_stopping_the_app_ends_its_feeds(event: Event, site: Database) -> None:
    with Pages(event, site) as pages:
        answer = pages.staff("steward").get("/admin/live")
        stream = answer.iter_encoded()
        next(stream)
        assert next(stream).startswith(b"data: ")
    assert list(stream) == []
    answer.close()


def test_staff_have_so_many_feeds(shown: Pages, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "FEEDS_MAX", 2)
    steward = shown.staff("steward")
    with Feed(steward), Feed(steward) as second:
        assert steward.get("/admin/live").status_code == 503
        second.answer.close()
        with Feed(steward):
            pass


def test_one_user_holds_few_of_them(shown: Pages, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "USER_FEEDS_MAX", 2)
    steward, other = shown.staff("steward"), shown.staff("supervisor")
    hub = services_of(shown.app).hub
    with Feed(steward), Feed(steward) as second:
        assert steward.get("/admin/live").status_code == 503
        with Feed(other):
            assert hub.listeners == 3, "who was refused holds nothing"
        second.answer.close()
        second.answer.close()
        with Feed(steward):
            assert steward.get("/admin/live").status_code == 503
