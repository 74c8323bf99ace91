"""Two accounts of possibly one person do not count as two people."""

from collections.abc import Callable

import pytest

from server.core.event.directory import Event
from server.core.staff import users
from server.core.staff.dual_control import TIE_MS, apart_from
from server.storage.database import Database
from tests.server.conftest import NOW
from tests.server.support.pages import PASSWORD, Pages

LATER = NOW + TIE_MS


class Staff:
    """Accounts by name, and their acts on each other."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def add(self, name: str, by: str = "command-line", at: int = NOW) -> str:
        user = self.database.write(lambda db: users.add_user(db, name, "admin", "", by=by, now=at))
        return user.by

    def do(self, act: Callable[..., None], of: str, *more: str, by: str, at: int = NOW) -> None:
        user = int(of.removeprefix("user:"))
        self.database.write(lambda db: act(db, user, *more, by=by, now=at))

    def apart_from(self, first: str, second: str, at: int = NOW) -> int | None:
        return apart_from(self.database.reader, first, second, at)


@pytest.fixture
def staff(database: Database) -> Staff:
    return Staff(database)


def test_accounts_of_the_command_line_are_two(staff: Staff) -> None:
    anna, boris = staff.add("Anna"), staff.add("Boris")
    staff.do(users.set_password, boris, "", by="command-line")
    assert staff.apart_from(anna, boris) is None
    assert staff.apart_from(anna, anna) is not None


def test_who_was_made_by_the_other_is_not_the_second_for_a_day(staff: Staff) -> None:
    anna = staff.add("Anna")
    boris = staff.add("Boris", by=anna)
    assert staff.apart_from(anna, boris) == staff.apart_from(boris, anna) == LATER
    assert staff.apart_from(anna, boris, LATER - 1) == LATER
    assert staff.apart_from(anna, boris, LATER) is None


@pytest.mark.parametrize(
    ("act", "more"),
    [(users.set_password, ("",)), (users.enable_user, ()), (users.set_role, ("admin",))],
)
def test_what_opens_an_account_ties_it(
    staff: Staff, act: Callable[..., None], more: tuple[str, ...]
) -> None:
    anna, boris = staff.add("Anna"), staff.add("Boris")
    staff.do(act, boris, *more, by=boris)
    assert staff.apart_from(anna, boris) is None
    staff.do(act, boris, *more, by=anna, at=NOW + 1)
    assert staff.apart_from(anna, boris, NOW + 1) == LATER + 1


def test_what_shuts_an_account_does_not(staff: Staff) -> None:
    anna, boris = staff.add("Anna"), staff.add("Boris")
    staff.do(users.disable_user, boris, by=anna)
    assert staff.apart_from(anna, boris) is None


def test_two_of_the_same_maker_are_one_person_s(staff: Staff) -> None:
    anna = staff.add("Anna")
    boris, chen = staff.add("Boris", by=anna), staff.add("Chen", by=anna, at=NOW + 5)
    dora = staff.add("Dora", by=chen, at=NOW + 7)
    assert staff.apart_from(boris, dora, NOW + 7) == LATER, "until the oldest tie between them ends"
    assert staff.apart_from(chen, dora, NOW + 7) == LATER + 7
    other = staff.add("Other", at=NOW + 7)
    assert staff.apart_from(other, dora, NOW + 7) is None


def test_the_page_says_from_when_on(event: Event, site: Database) -> None:
    with Pages(event, site) as pages:
        west = pages.kiosk("west-1", "h1-west")
        admin = pages.staff("admin")
        generation = {"kiosk": "west-1", "generation": 1}
        admin.post("/admin/kiosks/west-1/fence", {**generation, "confirm": "yes"})
        page = admin.post("/admin/users/add", {"name": "Second", "role": "supervisor"}).text
        assert "shown this once" in page
        hashed = users.hash_password(PASSWORD)  # as by anyone who saw it
        set_hash = "UPDATE staff_user SET password_hash = ?, must_change = 0 WHERE name = 'Second'"
        site.write(lambda db: db.execute(set_hash, (hashed,)) and None)
        word = {**generation, "stopped": "yes", "inside": 0, "name": "Second"}
        target = f"/admin/halls/{west.hall}/attest"
        page = admin.post(target, {**word, "password": PASSWORD}, follow_redirects=True).text
        assert "count as two people from Tue 05 May 10:00:00" in page
        log = "SELECT COUNT(*) FROM leaf WHERE instr(CAST(body AS TEXT), 'kiosk_attested') > 0"
        assert site.reader.execute(log).fetchone()[0] == 0
