"""The acts page and its CSV: staff's acts are in the entry log, and have words."""

import ast
import csv
import io
import json
import re
from functools import partial
from pathlib import Path

import pytest

from badges.credential.badge_number import badge_number
from server.core.entry_log import act_list, act_words, entry_log
from server.core.entry_log.act_names import Act
from server.core.occupancy import hall_control
from server.core.staff import users
from tests.server.conftest import HOUR, MINUTE, NOW
from tests.server.support.pages import PASSWORD, Pages, acts
from tests.sources import nodes


def rows(text: str) -> list[list[str]]:
    """The text of the table's cells."""
    parts = re.findall(r'<tr role="row">(.*?)</tr>', text, re.S)[1:]
    return [
        [
            re.sub(r"<[^>]+>", "", cell).strip()
            for cell in re.findall(r"<td[^>]*>(.*?)</td>", row, re.S)
        ]
        for row in parts
    ]


def act(pages: Pages, by: str, name: str, **subject: str | int) -> None:
    pages.database.write(lambda db: entry_log.act(db, by, name, subject, pages.now))


def test_it_works(pages: Pages) -> None:
    pages.database.write(
        lambda db: hall_control.set_capacity(db, 2, 90, by="user:1", now=pages.now + MINUTE)
    )
    pages.now += HOUR
    answer = pages.staff("auditor").get("/admin/acts?what=capacity_set")
    (row,) = rows(answer.text)
    assert row[:4] == ["Mon 04 May 10:01:00", "admin", "Set a capacity", "Hall 1: 90 (before: 100)"]


@pytest.mark.parametrize(
    ("by", "name", "subject", "cells"),
    [
        ("user:1", "badge_revoked", {"serial": 77, "reason": "conduct"},
         ["admin", "Revoked a badge", f"Badge {badge_number(77)} (Conduct)"]),
        ("command-line", "kiosk_added", {"kiosk": "west", "generation": 2, "door": 2},
         ["The server&#39;s command line", "Added a kiosk", "west, enrolment 2 at Hall 1 west"]),
        ("user:999", "kiosk_moved", {"kiosk": "west", "generation": 1, "door": 1, "from": 2},
         ["user:999", "Moved a kiosk",
          "west, enrolment 1 to Main entrance (before: Hall 1 west)"]),
        ("user:1", "kiosk_attested", {"hall": 9, "kiosk": "w", "generation": 1, "with": "user:1"},
         ["admin", "Attested a lost kiosk&#39;s places",
          "hall 9: w, enrolment 1 together with admin"]),
        ("nobody", "sign_in_slowed", {"user": 1, "caller": "00ff00ff", "tries": 10},
         ["Not signed in", "Guesses at a password slowed down",
          "admin by address 00ff00ff after 10 tries"]),
        ("user:1", "some.new_act", {"user": 1, "what": "<b>"},
         ["admin", "Some new act", "user admin, what &lt;b&gt;"]),
        ("user:01", "signed_out", {}, ["user:01", "Signed out", ""]),
    ],
)  # fmt: skip
def test_in_words(
    pages: Pages, by: str, name: str, subject: dict[str, str | int], cells: list[str]
) -> None:
    auditor = pages.staff("auditor")
    act(pages, by, name, **subject)
    assert rows(auditor.get("/admin/acts").text)[0][1:4] == cells


def test_every_act_has_words_and_is_written() -> None:
    """An act without words would be shown by its name."""
    assert set(act_words.WORDS) == set(Act)
    server = Path(act_words.__file__).parents[2]
    used = set()
    for path in (file for file in server.rglob("*.py") if not file.stem.startswith("act_")):
        for node in nodes(path, ast.Attribute):
            if isinstance(node.value, ast.Name) and node.value.id == "Act":
                used.add(node.attr)
    assert used == set(Act.__members__)


def test_the_newest_act_about_a_kiosk(pages: Pages) -> None:
    newest = partial(entry_log.newest_act, pages.database.reader, Act.KIOSK_ADDED)
    act(pages, "user:1", "kiosk_added", kiosk="lost", generation=1)
    first = newest(("lost", 1))
    assert first is not None
    assert newest(("lost", 2)) is None
    act(pages, "user:1", "kiosk_added", kiosk="lost", generation=1)
    assert newest(("lost", 1)) == first + 1


class TestWhatIsLogged:
    def test_signing_in_and_out(self, pages: Pages) -> None:
        lin = pages.stranger()
        pages.database.write(
            lambda db: users.add_user(
                db, "Lin", "admin", users.hash_password(PASSWORD), by="test", now=NOW
            )
        )
        lin.post("/admin/sign-in", {"name": "Lin", "password": "wrong"})
        lin.post("/admin/sign-in", {"name": "Lin", "password": PASSWORD})
        lin.post("/admin/sign-out")
        assert acts(pages)[-3:] == ["sign_in_refused", "signed_in", "signed_out"]

    @pytest.mark.parametrize(
        ("target", "expected"),
        [
            ("/admin/entries.csv?hall=2", "entries_exported"),
            ("/admin/acts.csv", "acts_exported"),
            ("/admin/people/?q=keller", "people_searched"),
            ("/admin/people/{A1}/card.pdf", "badges_printed"),
        ],
    )
    def test_who_takes_people_s_data_away(self, pages: Pages, target: str, expected: str) -> None:
        pages.issue()
        admin = pages.staff("admin")
        number = badge_number(pages.serial("A1"))
        assert admin.get(target.replace("{A1}", number)).status_code == 200
        body = pages.value("SELECT body FROM leaf WHERE kind = 'act' ORDER BY number DESC LIMIT 1")
        fields = json.loads(body)
        assert fields["act"] == expected
        assert fields["by"].startswith("user:")
        assert "keller" not in bytes(body).decode().casefold()

    def test_looking_at_a_list_is_no_act(self, shown: Pages) -> None:
        admin = shown.staff("admin")
        before = acts(shown)
        for target in ("/admin/people/", "/admin/entries", "/admin/acts", "/admin/users/"):
            assert admin.get(target).status_code == 200
        assert acts(shown) == before


@pytest.mark.parametrize(
    "query",
    ["who=user", "who=user:x", "who=kiosk:1", "what=nothing", "from=yesterday", "to=1",
     "from=2026-05-05T10:00&to=2026-05-04T10:00"],
)  # fmt: skip
def test_a_field_that_means_nothing_is_said(shown: Pages, query: str) -> None:
    auditor = shown.staff("auditor")
    answer = auditor.get(f"/admin/acts?{query}")
    assert answer.status_code == 400
    assert "Correct the fields in red" in answer.text
    assert auditor.get(f"/admin/acts.csv?{query}").status_code == 400


@pytest.mark.parametrize("edge", ["", "x", "1", "1-", "-1-2", "99999999999999999999-1", "1-2-3"])
def test_an_edge_that_means_nothing_is_the_first_page(shown: Pages, edge: str) -> None:
    assert shown.staff("auditor").get(f"/admin/acts?before={edge}").status_code == 200


def test_the_csv_has_words_and_ids(pages: Pages, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(act_list, "CHUNK_ROWS", 2)
    auditor = pages.staff("auditor")
    pages.database.write(
        lambda db: db.execute("UPDATE staff_user SET name = '＝1+1' WHERE user_id = 1") and None
    )
    act(pages, "user:1", "pin_set", user=1)
    answer = auditor.get("/admin/acts.csv")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="acts.csv"'
    lines = list(csv.DictReader(io.StringIO(answer.text.removeprefix("\ufeff"), newline="")))
    assert [int(row["number"]) for row in lines] == sorted(int(row["number"]) for row in lines)
    last = lines[-1]
    assert last["act"] == "acts_exported", "the export itself is among them"
    assert lines[-2] | {"number": ""} == {
        "number": "",
        "at": "2026-05-04T10:00:00.000+08:00",
        "who": "'＝1+1",
        "what": "Set a PIN for the doors",
        "about": "'＝1+1",
        "by": "user:1",
        "act": "pin_set",
        "subject": '{"user": 1}',
        "person": "",
        "change": "",
    }
    only = auditor.get("/admin/acts.csv?what=pin_set").text
    assert only.count("\n") == 2
