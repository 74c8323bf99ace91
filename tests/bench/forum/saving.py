"""What staff save in a large forum, each as a step that can be timed."""

import itertools
from collections.abc import Callable, Iterator

from badges.credential.badge_number import badge_number
from server.features.editing.pages.guests import ANSWERS
from server.storage.connection import Connection
from tests.bench.event import load_page
from tests.server.features.editing.test_editing import fields
from tests.server.features.imports.test_uploads import send
from tests.server.support.pages import Pages, Staff

Step = Callable[[], None]


def steps(pages: Pages, admin: Staff) -> dict[str, Step]:
    """Return each step by name, with the page that it begins on."""
    db = pages.database.reader
    numbers = itertools.count(10)
    serials = [row[0] for row in db.execute("SELECT serial FROM attendee LIMIT 500")]
    people = map(badge_number, serials)
    target = {kind: f"/admin/venue/{kind}/{number}" for kind, number in _numbers(db).items()}
    hall = target["hall"].rpartition("/")[2]

    def sent(address: str, values: dict[str, object]) -> None:
        answer = admin.post(address, values)
        assert answer.status_code == 303, answer.text

    def edit(address: str, key: str, value: str) -> None:
        form = fields(load_page(admin, address))
        sent(address, {**form, key: value.format(next(numbers))})

    def person(people: Iterator[str]) -> None:
        edit(f"/admin/people/{next(people)}/edit", "organisation", "Office {}")

    def new_person() -> None:
        form = fields(load_page(admin, "/admin/people/new"))
        number = next(numbers)
        names = {"given_name": f"New {number}", "family_name": "Quist"}
        sent("/admin/people/new", {**form, **names, "category": 1})

    def upload() -> None:
        lines = ["id,given name,family name,organisation,email,category"]
        number = next(numbers)
        lines += [f"N{number}-{n},Late {n},Quist,Office {n},,delegate" for n in range(40)]
        page = send(admin, "/admin/imports/people/", "\n".join(lines) + "\n").location
        load_page(admin, page)

    def guest() -> None:
        values = {"number": next(people), "answer": next(iter(ANSWERS))}
        sent(f"{target['session']}/guests/", values)

    return {
        "a hall": lambda: edit(target["hall"], "capacity", "{}"),
        "a session": lambda: edit(target["session"], "title", "Title {}"),
        "a door": lambda: edit(target["door"], "name", "Door {}"),
        "a category": lambda: edit(target["category"], "name", "Kind {}"),
        "a hall's capacity": lambda: sent(
            f"/admin/halls/{hall}/capacity", {"capacity": next(numbers)}
        ),
        "a guest of a session": guest,
        "a person": lambda: person(people),
        "a new person": new_person,
        "a badge's reissue": lambda: sent(
            f"/admin/people/{next(people)}/reissue", {"reason": "lost"}
        ),
        "a list of 40 more people, previewed": upload,
    }


def _numbers(db: Connection) -> dict[str, int]:
    queries = {
        "hall": "SELECT MAX(hall_id) FROM hall",
        "session": "SELECT MAX(session_id) FROM session",
        "door": "SELECT MAX(door_id) FROM door",
        "category": "SELECT MIN(category) FROM category",
    }
    return {kind: db.execute(query).fetchone()[0] for kind, query in queries.items()}
