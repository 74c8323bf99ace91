"""The database against its own log: pages show only logged data."""

import pytest

from server.core.entry_log import erasure
from server.features.evidence.check import problems
from tests.server.conftest import NOW
from tests.server.features.evidence.conftest import Evidence


def findings(evidence: Evidence) -> list[str]:
    return list(problems(evidence.database.reader, evidence.log.name))


def test_it_works(evidence: Evidence) -> None:
    assert findings(evidence) == []
    evidence.database.write(lambda db: erasure.erase(db, 7, by="user:1", now=NOW))
    assert findings(evidence) == []


def test_texts_that_the_ledger_made_whole_are_no_difference(evidence: Evidence) -> None:
    word = {"act": "override", "by": "us\0er:2", "note": "Rene\u0301e\0"}
    evidence.scan(evidence.site.west, 5, NOW + 3_600_000, **word)
    evidence.send(evidence.site.west, NOW + 3_600_000)
    assert evidence.rows("SELECT supervisor FROM scan WHERE act = 'override'") == [("user:2",)]
    assert findings(evidence) == []


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("decision", "admitted"), ("reason", None), ("scanned_at", 5), ("received_at", 5),
        ("door_id", 9), ("hall_id", 3), ("serial", 9), ("seq", 900), ("note", "x"),
        ("supervisor", "user:9"), ("override_place", 1), ("act", "annul"), ("flags", "escort"),
    ],
)  # fmt: skip
def test_a_row_that_was_altered(evidence: Evidence, column: str, value: object) -> None:
    ((number,),) = evidence.rows("SELECT number FROM scan WHERE serial = 8 LIMIT 1")
    evidence.alter(f"UPDATE scan SET {column} = ? WHERE number = ?", value, number)
    assert findings(evidence) == [f"scan {number}: the ledger has another {column} than the log"]


def test_a_record_that_was_altered(evidence: Evidence) -> None:
    evidence.alter("UPDATE leaf SET body = x'7b7d' WHERE number = 9")
    assert findings(evidence) == ["entry 9 differs from its hash in the log"]


def test_what_is_missing(evidence: Evidence) -> None:
    size = evidence.log.size()
    ((number,),) = evidence.rows("SELECT number FROM scan WHERE serial = 8 LIMIT 1")
    evidence.alter("DELETE FROM discrepancy")
    evidence.alter("DELETE FROM scan WHERE number = ?", number)
    assert findings(evidence) == [f"scan {number} of the log is missing in the ledger"]
    evidence.alter("DELETE FROM scan WHERE number >= ?", size - 5)
    evidence.alter("DELETE FROM leaf WHERE number >= ?", size - 5)
    assert (
        f"kiosk west (generation 1) cosigned {size} entries, and there are {size - 5}"
        in findings(evidence)
    )
    evidence.alter("DELETE FROM leaf WHERE number = ?", number)
    assert findings(evidence) == [f"entries {number} to {number} are missing"]


def test_a_log_that_was_written_anew(evidence: Evidence) -> None:
    size = evidence.log.size()
    evidence.alter("UPDATE leaf SET hash = (SELECT hash FROM leaf WHERE number = 3),"
                   " body = (SELECT body FROM leaf WHERE number = 3),"
                   " salt = (SELECT salt FROM leaf WHERE number = 3) WHERE number = 4")  # fmt: skip
    finding = f"kiosk west (generation 1) cosigned another log of {size} entries than this one"
    assert finding in findings(evidence)
