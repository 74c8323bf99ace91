"""One person's export has all of her data, and nothing of others."""

import io
import json
import zipfile

from server.features.privacy import export, person
from server.features.privacy.columns import TABLES
from tests.server.conftest import NOW
from tests.server.features.privacy.conftest import VALUES, Forum


def exported(forum: Forum) -> zipfile.ZipFile:
    done = export.export(forum.database.reader, forum.event, forum.serial, now=NOW)
    return zipfile.ZipFile(io.BytesIO(done.data))


def test_it_has_everything(forum: Forum) -> None:
    packed = exported(forum)
    whole = json.loads(packed.read("person.json"))
    (holder,) = whole["tables"]["attendee"]
    assert {key: holder[key] for key in VALUES} == VALUES | {"given_name": "Wilhelmina Ada"}
    # The rest has no rows until a badge is copied, printed or gone, or waits for the search.
    absent = {"print_job", "likely_copy", "unnamed_exit", "unknown_holder", "search_due",
              "changed_holder", "discrepancy", "arrival", "arrival_notice",
              "entry_block", "webhook_message", "job_person"}  # fmt: skip
    own = {name for name, table in TABLES.items() if table.erasure is not None}
    own -= {"leaf", "search_word", "search_inside", "change"}
    # An unfinished upload is someone else's input, encrypted, and deleted within the hour.
    own -= {"upload", "upload_part"}
    assert own - absent <= whole["tables"].keys()
    assert whole["tables"]["awaited_guest"][0]["label"] == VALUES["email"].upper()
    assert "Wilhelmina Quartermaine" in whole["tables"]["page_edit"][0]["what"]
    notes = [entry["record"].get("record", {}).get("note") for entry in whole["log"]]
    assert "Wilhelmina left her badge at the hotel" in notes
    assert {"attendee_added", "badge_reissued", "photo_taken"} <= {
        entry["record"].get("act") for entry in whole["log"]
    }
    assert packed.read("photos/REG-ZQ-90417.jpg").startswith(b"\xff\xd8")


def test_it_has_nothing_of_others(forum: Forum) -> None:
    packed = exported(forum)
    for name in ("person.json", "person.html"):
        text = packed.read(name).decode()
        assert not any(other in text for other in ("Keller", "anna@example.org", "Novak"))
    whole = json.loads(packed.read("person.json"))
    serials = {row["serial"] for rows in whole["tables"].values() for row in rows
               if row.get("serial") is not None}  # fmt: skip
    assert serials == {forum.serial}


def test_people_can_read_it_in_both_languages(forum: Forum) -> None:
    page = exported(forum).read("person.html").decode()
    assert "Scans at doors" in page
    assert "门口扫描记录" in page
    assert "2026-05-04T10:00:00.000+08:00" in page
    assert "wilma.q@zephyrine.example" in page


def test_what_is_said_is_no_markup(forum: Forum) -> None:
    forum.database.write(
        lambda db: db.execute(
            "UPDATE attendee SET organisation = '<script>x</script>' WHERE serial = ?",
            (forum.serial,),
        )
    )
    page = exported(forum).read("person.html").decode()
    assert "<script>" not in page
    assert "&lt;script&gt;" in page


def test_a_table_that_nobody_thought_of_is_exported_and_erased(forum: Forum) -> None:
    forum.database.write(
        lambda db: db.execute("CREATE TABLE later (serial INTEGER, said TEXT) STRICT")
    )
    forum.database.write(
        lambda db: db.execute("INSERT INTO later VALUES (?, 'likes tea')", (forum.serial,))
    )
    tables = person.rows(forum.database.reader, forum.serial)
    assert tables["later"] == [{"serial": forum.serial, "said": "likes tea"}]
