"""One browser at two servers of one event: they share limits, and either ends what the other began.
Several servers need PostgreSQL.
"""

import re
from collections.abc import Iterator

import pytest

from server.core.event.directory import Event
from server.features.integrations.interface.rates import AT_ONCE, Rates, SharedRates
from server.features.integrations.interface.routes import limits
from server.storage.database import Database
from tests.server.conftest import MINUTE
from tests.server.features.imports.test_uploads import (
    CHANGED,
    ODD_COLUMNS,
    ODD_LIST,
    ODD_WORD,
    PEOPLE,
    mark,
    send,
)
from tests.server.features.users.test_factors import FACTORS, code, enter, name_of, with_app
from tests.server.features.users.test_guesses import guess
from tests.server.support.pages import Pages, Staff, acts

pytestmark = pytest.mark.sqlite_alone  # These tests choose their engine themselves.
on_postgresql = pytest.mark.parametrize("engine", ["postgresql"], indirect=True)


@pytest.fixture
def both(event: Event, site: Database) -> Iterator[tuple[Pages, Pages]]:
    """Two servers, each with its own opened database."""
    with (
        Database(event.database_path) as opened,
        Pages(event, site) as first,
        Pages(event, opened) as other,
    ):
        yield first, other


def moved(someone: Staff, to: Pages) -> Staff:
    """The same browser, which a proxy leads to another server."""
    other = to.stranger()
    other.client._cookies.update(someone.client._cookies)
    return other


@on_postgresql
def test_wrong_passwords_count_at_both(both: tuple[Pages, Pages], admin_password: str) -> None:
    first, other = both
    there, elsewhere = first.stranger(), other.stranger()
    for number in range(10):
        assert guess((there, elsewhere)[number % 2], "a-wrong-password") == 401
    assert guess(elsewhere, admin_password) == 429
    assert guess(there, admin_password) == 429
    for pages in both:
        pages.now += MINUTE
    assert guess(elsewhere, admin_password) == 303
    # With the right password both servers reset the count of this address.
    assert guess(first.stranger(), "a-wrong-password") == 401


@on_postgresql
def test_the_pages_of_both_say_at_whom_strangers_guess(both: tuple[Pages, Pages]) -> None:
    first, other = both
    for number in range(3):
        stranger = first.stranger()
        for _ in range(10):
            guess(stranger, "a-wrong-password", f"10.1.{number}.1")
    assert "Guessed at" in other.staff("admin").get("/admin/users/").text


@on_postgresql
def test_a_second_factor_begun_at_one_is_finished_at_the_other(both: tuple[Pages, Pages]) -> None:
    first, other = both
    admin = first.staff("admin")
    name = name_of(first)
    shown = re.search(r'type this secret.*?<span class="code">(\w+)<', admin.get(FACTORS).text)
    assert shown
    there = moved(admin, other)
    assert shown[1] in there.get(FACTORS).text, "another look there shows the same secret"
    answer = there.post(f"{FACTORS}/app", {"code": code(other, shown[1])})
    assert answer.status_code == 200, answer.text
    assert "is set up" in answer.text

    for pages in both:
        pages.now += MINUTE
    someone = enter(first, name)
    there = moved(someone, other)
    answer = there.post("/admin/second-factor", {"code": code(other, shown[1])})
    assert answer.status_code == 303
    assert moved(there, first).get("/admin/acts").status_code == 200


@on_postgresql
def test_wrong_codes_at_one_are_counted_at_the_other(both: tuple[Pages, Pages]) -> None:
    first, other = both
    name, secret, _ = with_app(first)
    someone = enter(first, name)
    there = moved(someone, other)
    for number in range(10):
        answer = (someone, there)[number % 2].post("/admin/second-factor", {"code": "000000"})
        assert answer.status_code == 401
    assert there.post("/admin/second-factor", {"code": "000000"}).status_code == 429
    for pages in both:
        pages.now += MINUTE
    answer = there.post("/admin/second-factor", {"code": code(other, secret)})
    assert answer.status_code == 303


@on_postgresql
def test_a_clerk_s_searches_are_noted_once_a_minute_by_both(both: tuple[Pages, Pages]) -> None:
    first, other = both
    clerk = first.staff("badge_desk")
    for pages in (first, other, first, other):
        moved(clerk, pages).get("/desk/find?q=li")
    assert acts(first).count("people_searched") == 1
    for pages in both:
        pages.now += MINUTE
    moved(clerk, other).get("/desk/find?q=li")
    assert acts(first).count("people_searched") == 2


@on_postgresql
def test_a_machine_s_requests_are_counted_together(both: tuple[Pages, Pages]) -> None:
    rates = []
    for pages in both:
        with pages.app.app_context():
            rates.append(limits())
    assert all(isinstance(counter, SharedRates) for counter in rates)
    taken = sum(rates[number % 2].wait_s(7) == 0 for number in range(4 * AT_ONCE))
    assert AT_ONCE - 32 <= taken <= AT_ONCE


@on_postgresql
def test_a_file_that_was_sent_to_one_is_imported_by_the_other(both: tuple[Pages, Pages]) -> None:
    first, other = both
    admin = first.staff("admin")
    there = moved(admin, other)
    sent = send(admin, PEOPLE, CHANGED)
    assert "Nora Quist" in there.get(sent.location).text
    answered = there.post(f"{sent.location}/answer", {"answer-missing": "missing=keep"})
    assert answered.location == sent.location
    seen = admin.get(sent.location).text
    assert ">Import</button>" in seen
    done = there.post(f"{sent.location}/confirm", mark(seen))
    assert done.location == "/admin/badges/", done.location
    query = "SELECT COUNT(*) FROM attendee WHERE external_id = 'N1'"
    assert first.database.reader.execute(query).fetchone()[0] == 1
    assert not (first.event.path / "uploads").exists()


@on_postgresql
def test_a_mapping_that_was_used_at_one_is_known_to_the_other(both: tuple[Pages, Pages]) -> None:
    home, other = both
    admin = home.staff("admin")
    there = moved(admin, other)
    first = send(admin, PEOPLE, ODD_LIST).location
    there.post(f"{first}/answer", {**ODD_COLUMNS, **ODD_WORD})
    admin.post(f"{first}/mapping/keep", {"mapping_name": "Shop"})
    second = send(admin, PEOPLE, ODD_LIST.replace("Z1", "Z2")).location
    assert ">Import</button>" not in there.get(second).text
    admin.post(f"{second}/mapping", {"mapping": "Shop"})
    admin.post(f"{second}/answer", {"answer-missing": "missing=keep"})
    seen = there.get(second).text
    assert ">Import</button>" in seen
    assert there.post(f"{second}/confirm", mark(seen)).location == "/admin/badges/"


def test_one_server_counts_requests_in_memory(event: Event, database: Database) -> None:
    with Pages(event, database) as pages:
        with pages.app.app_context():
            assert isinstance(limits(), Rates)


def test_a_restart_keeps_guesses(event: Event, database: Database, admin_password: str) -> None:
    with Pages(event, database) as before:
        for _ in range(10):
            assert guess(before.stranger(), "a-wrong-password") == 401
    with Pages(event, database) as after:
        assert guess(after.stranger(), admin_password) == 429
        after.now += MINUTE
        assert guess(after.stranger(), admin_password) == 303
