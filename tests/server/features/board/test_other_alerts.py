"""Alerts of printers, mails, certificates, webhooks and accounts on the board."""

import re
from dataclasses import replace

import pytest

from server.core.alerts import certificates
from server.core.alerts.certificates import SERVER, Certificates, Ends
from server.core.event.directory import Event
from server.core.staff import users
from server.features.integrations import endpoints, outbox, tokens
from server.features.mail.settings import MailError
from server.features.mail.worker import KIND
from server.features.printers import jobs, store
from server.features.printers.states import PrinterState, Status
from server.features.printers.store import PrinterPlan
from server.storage.database import Database
from server.web.jobs import OwnJob, jobs_of
from server.web.services import services_of
from tests.server.conftest import MINUTE
from tests.server.features.board.test_overview import alerts, take
from tests.server.support.pages import Pages, Staff, acts
from tests.waiting import LONGEST_S

prepare = Pages.issue  # for every attendee

DAY = 24 * 60 * MINUTE


def seen_by(pages: Pages, role: str = "supervisor") -> str:
    return alerts(pages.staff(role))[0]


def printer(pages: Pages, name: str) -> int:
    plan = PrinterPlan(name, "tcp://127.0.0.1:9100", "zpl", "4x3in", dpi=203)
    return pages.database.write(lambda db: store.add(db, plan, by="test", now=pages.now))


def say(pages: Pages, number: int, state: PrinterState) -> None:
    pages.database.write(lambda db: store.note_status(db, number, Status(state), pages.now))


def queue(pages: Pages, name: str) -> int:
    serial = pages.serial(name)
    return pages.database.write(
        lambda db: jobs.enqueue(db, serial, 1, desk="East", by="test", now=pages.now)
    )


def test_a_printer_without_paper_is_named_and_gravely_where_cards_wait(pages: Pages) -> None:
    number = printer(pages, "Zebra East")
    for state in (PrinterState.READY, PrinterState.UNKNOWN, PrinterState.OFFLINE):
        say(pages, number, state)
        assert "Zebra East" not in seen_by(pages), "nothing waits for it"
    say(pages, number, PrinterState.PAPER_OUT)
    supervisor = pages.staff("supervisor")
    assert "◆ Out of paper Zebra East Handle it Load paper or a new roll." in alerts(supervisor)[0]
    take(supervisor, f"printer:{number}", "Roll is on its way")
    assert "Roll is on its way" in alerts(supervisor)[1]
    assert acts(pages)[-1] == "trouble_taken"
    queue(pages, "A1")
    pages.now += 30_000
    queue(pages, "A2")
    alert = "▲ Out of paper: 2 cards wait, the oldest for 30 s Zebra East"
    assert alert in alerts(supervisor)[0], "worse than when it was taken on"
    say(pages, number, PrinterState.OFFLINE)
    assert "▲ Printer not reached: 2 cards wait" in alerts(supervisor)[0]
    assert "/admin/printers/" not in supervisor.get("/admin/").text
    assert "/admin/printers/" in pages.staff("admin").get("/admin/").text


def test_cards_that_wait_for_long_are_named_whatever_the_printer_says(pages: Pages) -> None:
    number = printer(pages, "Zebra East")
    say(pages, number, PrinterState.READY)
    job = queue(pages, "A1")
    pages.now += 2 * MINUTE
    assert "Zebra East" not in seen_by(pages)
    pages.now += 1
    assert "▲ Cards wait for long: 1 card waits, the oldest for 2 min Zebra East" in seen_by(pages)
    pages.database.write(lambda db: jobs.cancel(db, job, by="test", now=pages.now))
    assert "Zebra East" not in seen_by(pages)


def test_mails_that_fail_or_come_back_are_named_from_some_on(event: Event, site: Database) -> None:
    settings = replace(event.settings, alert_mails_failed=2)
    with Pages(replace(event, settings=settings), site) as pages:
        note_mails(pages, "bounced", "A1")
        note_mails(pages, "sent", "A2", "A3")
        assert "came back" not in seen_by(pages)
        note_mails(pages, "bounced", "A4")
        note_mails(pages, "refused", "A2")
        note_mails(pages, "delayed", "A3")
        text = seen_by(pages)
        assert "2 mails came back within a day" in text
        assert "2 mails refused or delayed within a day" in text
        pages.now += DAY + 1
        assert "within a day" not in seen_by(pages)


def note_mails(pages: Pages, state: str, *people: str) -> None:
    rows = [(pages.serial(person), f"hk-{state}-{person}", state, pages.now) for person in people]
    sql = (
        "INSERT INTO mail (serial, issue, template, message_id, sent_to, state, tries, at)"
        " VALUES (?, 1, 'invite', ?, X'00', ?, 1, ?) ON CONFLICT (serial, issue, template)"
        " DO UPDATE SET state = excluded.state"
    )
    pages.database.write(lambda db: db.executemany(sql, rows) and None)


@pytest.mark.sqlite_alone
def test_failed_mails_are_found_by_an_index(site: Database) -> None:
    sql = (
        "EXPLAIN QUERY PLAN SELECT state FROM mail"
        " WHERE state IN ('delayed', 'refused', 'bounced') AND at >= 1 ORDER BY at DESC LIMIT 9"
    )
    ((*_, plan),) = site.reader.execute(sql).fetchall()
    assert "USING COVERING INDEX mail_failed (at>?)" in plan


def test_an_interrupted_mailing_is_named(pages: Pages) -> None:
    def work(job: OwnJob) -> None:
        raise MailError("The mail server is away.")

    job = jobs_of(services_of(pages.app)).start(KIND, "user:1", work)
    assert job.ended.wait(LONGEST_S)
    assert "Sending broke off: The mail server is away. Mails" in seen_by(pages)
    pages.now += DAY
    assert "broke off" not in seen_by(pages)


def failing(pages: Pages) -> int:
    """A webhook whose first message was not accepted."""

    def step(db) -> int:
        added = endpoints.add(
            db, "https://example.org/hooks?key=hidden", ["badges"], by="test", now=pages.now,
            http_allowed=False,
        )  # fmt: skip
        db.execute("UPDATE webhook_endpoint SET next_leaf = 0")
        endpoint = endpoints.endpoint(db, added.endpoint_id)
        message = outbox.make_next(db, endpoint, pages.now)
        assert message is not None
        outbox.note_failed(db, message, "no answer", pages.now, pages.now + 5_000)
        return added.endpoint_id

    return pages.database.write(step)


def test_a_webhook_that_fails_for_long_is_named_but_not_one_that_was_paused(pages: Pages) -> None:
    number = failing(pages)
    pages.now += 14 * MINUTE
    assert "Webhook" not in seen_by(pages)
    pages.now += MINUTE
    supervisor = pages.staff("supervisor")
    assert f"◆ Its receiver takes nothing for 15 min Webhook {number}" in alerts(supervisor)[0]
    assert "example.org" not in supervisor.get("/admin/").text, "its address is the admins'"
    take(supervisor, f"webhook:{number}", "told them")
    pages.database.write(lambda db: endpoints.disable(db, number, by="nobody", now=pages.now))
    assert "Switched off, after its receiver took nothing for 15 min" in alerts(supervisor)[0]
    pages.database.write(lambda db: endpoints.enable(db, number, by="test", now=pages.now))
    assert "Webhook" not in seen_by(pages)
    pages.database.write(lambda db: endpoints.disable(db, number, by="user:1", now=pages.now))
    assert "Webhook" not in seen_by(pages), "an admin paused it"


def test_a_token_whose_maker_is_shut_out_is_named_to_admins_alone(pages: Pages) -> None:
    admin = pages.staff("admin")
    changes = {"by": "user:1", "now": pages.now}
    maker = pages.database.write(
        lambda db: users.add_user(db, "maker", "admin", "", by="test", now=pages.now)
    )
    token, _ = pages.database.write(
        lambda db: tokens.make(db, "Badge shop", ["read:people"], 10, by=maker.by, now=pages.now)
    )

    def named() -> bool:
        return "◆ Made by maker, who is shut out" in alerts(admin)[0]

    assert not named()
    pages.database.write(lambda db: users.disable_user(db, maker.user_id, **changes))
    assert named()
    assert "Token Badge shop Handle it Revoke it on Integrations." in alerts(admin)[0]
    assert "由 maker 创建" in pages.staff("admin").get("/admin/?lang=zh").text
    for role in ("steward", "supervisor", "auditor"):
        assert "Badge shop" not in pages.staff(role).get("/admin/").text
    pages.database.write(lambda db: users.enable_user(db, maker.user_id, **changes))
    assert not named()
    pages.database.write(lambda db: users.set_role(db, maker.user_id, "auditor", **changes))
    assert named()
    pages.database.write(lambda db: tokens.revoke(db, token.token_id, **changes))
    assert not named()


def ends_at(event: Event) -> int:
    end = certificates.served.served(event).not_valid_after_utc
    return int(end.timestamp() * 1000)


@pytest.mark.parametrize(
    ("left", "words", "grave"),
    [
        (31 * DAY, None, False),
        (29 * DAY, "Certificate ends in 29 days (", False),
        (23 * 60 * MINUTE, "Certificate ends in 23 h (", True),
        (-MINUTE, "Certificate has ended (", True),
    ],
)
def test_an_ending_certificate(pages: Pages, left: int, words: str | None, grave: bool) -> None:
    pages.now = ends_at(pages.event) - left
    text = seen_by(pages, "admin")
    if words is None:
        assert "Certificate" not in text
    else:
        assert f"{'▲' if grave else '◆'} {words}" in text
        assert "Install a new one on Certificate." in text
        page = pages.staff("admin").get("/admin/").text
        assert '<a href="/admin/certificate">Certificate</a>' in page


def test_a_damaged_certificate_is_named(pages: Pages) -> None:
    pages.event.certificate_path.write_text("-----BEGIN CERTIFICATE-----")
    assert "▲ Certificate or key damaged:" in seen_by(pages)


def test_a_damaged_key_of_a_wallet_is_named_in_the_readers_language(pages: Pages) -> None:
    (pages.event.path / "keys" / "wallet-google.json").write_text("{}")
    assert "is damaged: install Google&#39;s key again." in seen_by(pages)
    chinese = pages.staff("supervisor").get("/admin/?lang=zh").text
    assert "wallet-google.json 已损坏：请重新安装" in chinese
    assert "is damaged" not in chinese


def test_certificates_are_read_once_a_minute(event: Event) -> None:
    read = []
    now = ends_at(event) - DAY

    def look(_: Event) -> Ends:
        read.append(1)
        return Ends({SERVER: now + DAY})

    kept = Certificates(look)
    for step in range(0, 60_000, 200):
        assert kept.alerts(event, now + step)
    assert len(read) == 1
    kept.alerts(event, now + 60_000)
    assert len(read) == 2


def admins_lack(someone: Staff) -> str:
    match = re.search(r"\d of \d admins ha\w+ no second factor", alerts(someone)[0])
    return match[0] if match else ""


def test_admins_are_told_who_lacks_a_second_factor_and_nobody_else_is(pages: Pages) -> None:
    admin = pages.staff("admin")
    assert admins_lack(admin) == "2 of 2 admins have no second factor"
    sql = "UPDATE staff_user SET totp_sealed = X'00' WHERE name = 'admin'"
    pages.database.write(lambda db: db.execute(sql) and None)
    assert admins_lack(admin) == "1 of 2 admins has no second factor"
    for role in ("steward", "supervisor", "auditor"):
        assert "second factor" not in pages.staff(role).get("/admin/").text
    assert take(admin, "no_factor:admins", "by tonight").status_code == 303
    assert admins_lack(admin) == ""
    pages.now += 10 * MINUTE
    assert admins_lack(admin) == "", "nobody looked for a while, and it was there all the time"


@pytest.mark.parametrize(
    "changed", [{"alert_second_factor": False}, {"second_factor_roles": ["admin"]}]
)
def test_whoever_does_not_want_to_be_told_of_it_is_not(
    event: Event, site: Database, changed: dict[str, object]
) -> None:
    settings = replace(event.settings, **changed)
    with Pages(replace(event, settings=settings), site) as pages:
        look = pages.staff("steward")
        assert "second factor" not in look.get("/admin/").text
        if "alert_second_factor" in changed:
            assert admins_lack(pages.staff("admin")) == ""


@pytest.mark.sqlite_alone  # With PostgreSQL no second disk is proposed.
def test_each_reader_gets_a_remedy_that_they_may_carry_out(pages: Pages) -> None:
    pages.kiosk("main-1", "main")
    pages.now += 5 * MINUTE
    for role, remedy in (("steward", "or call an admin"), ("admin", "or retire it")):
        assert remedy in seen_by(pages, role), role
    assert "Choose a second one on the page Backups" in seen_by(pages, "admin")
    page = pages.staff("admin").get("/admin/").text
    assert re.search(r'No second disk</span>\s*<a href="/admin/backup">Backups</a>', page)
    assert "second disk" not in seen_by(pages, "steward"), "it is nothing for stewards"
