"""The board reports trouble with witnesses and with the time-stamping authority."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from badges.credential.keys import PrivateKey
from badges.transparency.witnessing import witness_key
from server.core.entry_log import outside
from server.core.entry_log.outside import AUTHORITY, Code
from server.core.event.directory import Event
from server.storage.database import Database
from tests.server.conftest import MINUTE, NOW
from tests.server.features.board.test_overview import alerts as shown
from tests.server.features.board.test_overview import take
from tests.server.support.pages import Pages

NAME = "example.org/<w>"
KEY = witness_key(NAME, PrivateKey(b"a witness".ljust(32)).public)


@pytest.fixture
def pages(event: Event, site: Database) -> Iterator[Pages]:
    settings = replace(
        event.settings, witnesses={"https://w.example.org": KEY},
        time_authority="https://tsa.example.org", time_authority_ca="tsa.pem",
    )  # fmt: skip
    with Pages(replace(event, settings=settings), site) as opened:
        yield opened


def note(pages: Pages, source: str, code: Code | None, words: str = "so it is") -> None:
    pages.database.write(lambda db: outside.note(db, source, code, words, pages.now))


WITNESS = outside.of_witness(NAME)


@pytest.mark.parametrize(
    ("code", "english", "chinese"),
    [
        (Code.FORK, "knows another history of the entry log: so it is", "所知的入场日志与此不同"),
        (Code.AHEAD, "has seen a longer entry log than this one", "见过比此处更长的入场日志"),
        (Code.UNKNOWN, "does not know this entry log", "不认识此入场日志"),
        (Code.SET_BACK, "has lost its cosignatures", "忘记了其联署过的内容"),
        (Code.WRONG, "answers wrongly: so it is", "的应答有误"),
    ],
)
def test_a_witness(pages: Pages, code: Code, english: str, chinese: str) -> None:
    note(pages, WITNESS, code)
    steward = pages.staff("steward")
    new, _ = shown(steward)
    assert english in new
    assert "Witness example.org/&lt;w&gt;" in new
    assert "Entry log" in new
    assert chinese in steward.get("/admin/?lang=zh").text
    note(pages, WITNESS, None)
    steward.get("/admin/?lang=en")
    assert english not in shown(steward)[0]


def test_the_authority(pages: Pages) -> None:
    steward = pages.staff("steward")
    note(pages, AUTHORITY, Code.SETTINGS)
    assert "The entry log has no time stamp: so it is" in shown(steward)[0]
    note(pages, AUTHORITY, Code.AWAY)
    assert "time-stamping authority" not in shown(steward)[0]
    pages.now += 10 * MINUTE
    assert "The time-stamping authority does not answer: so it is" in shown(steward)[0]


def test_who_was_away_for_a_moment_is_no_alert(pages: Pages) -> None:
    steward = pages.staff("steward")
    note(pages, WITNESS, Code.AWAY)
    assert "does not answer" not in shown(steward)[0]
    pages.now += 9 * MINUTE
    assert "does not answer" not in shown(steward)[0]
    pages.now += MINUTE
    assert "Witness example.org/&lt;w&gt; does not answer: so it is" in shown(steward)[0]


def test_who_is_asked_no_more_is_no_alert(pages: Pages) -> None:
    note(pages, outside.of_witness("example.org/gone"), Code.FORK)
    assert "example.org/gone" not in shown(pages.staff("steward"))[0]


def test_it_is_taken_on(pages: Pages) -> None:
    """Also if the witness's name has a slash, which no link accepts."""
    note(pages, WITNESS, Code.FORK)
    steward = pages.staff("steward")
    key = f"witness:{KEY.split('+', 2)[1]}"
    assert take(steward, key, "the auditor was called").status_code == 303
    new, taken = shown(steward)
    assert "knows another history" not in new
    assert "the auditor was called" in taken


def test_a_fork_is_grave(pages: Pages) -> None:
    """It comes before lesser alerts."""
    note(pages, WITNESS, Code.FORK)
    note(pages, AUTHORITY, Code.SETTINGS)
    new, _ = shown(pages.staff("steward"))
    assert new.index("another history") < new.index("no time stamp")
    assert NOW == pages.now
