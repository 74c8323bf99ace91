"""An event in which every page has content, and the address of each page.

The pages come from the app's own routes. A route unknown here is an error.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from werkzeug.routing import Rule

from badges.credential.badge_number import badge_number
from badges.wire import wire
from badges.wire.enrolment import six_words
from server.core.event.directory import Event
from server.core.muster import muster
from server.core.people import issuing
from server.core.people.phone_token import phone_token
from server.core.staff import users
from server.features.halls import screen_links
from server.features.integrations import endpoints
from server.features.mail.message import address_hash
from server.features.printers import store
from server.features.printers.states import PrinterState, Status
from server.features.printers.store import PrinterPlan
from tests.server.conftest import MINUTE, VENUE
from tests.server.features.desk.pages.support import DeskClerk
from tests.server.features.imports.test_programme_import import PROGRAMME
from tests.server.features.imports.test_uploads import send
from tests.server.features.mail.conftest import write_settings
from tests.server.features.phone_doors.test_pages import code_in, decide, key_of, show
from tests.server.support.pages import PASSWORD, Pages, Staff
from tests.server.support.stores import load_venue

# Routes that are no page: files, feeds, parts of pages, probes and redirects.
NO_PAGES = {
    "static", "admin.home", "admin.live.stream", "admin.arrivals.stream", "admin.muster.stream",
    "admin.awaited.part", "admin.edits.doors", "admin.entries.export", "admin.entries.receipt",
    "admin.acts.export", "admin.card_prints.printed", "admin.attendee_list.download",
    "admin.kiosks.words", "admin.phone_doors.waiting", "admin.people.card", "admin.people.day_card",
    "admin.uploads.sample_file", "admin.sign_on.go", "admin.sign_on.back", "desk.home.find",
    "desk.home.part", "desk.pace.part", "desk.paper.card", "hall_screen.now",
    "phone.halls", "phone.manifest",
    "phone.worker", "phone_door_files.page", "phone_door_files.service_worker",
    "phone_door_files.manifest", "phone_door_files.index", "phone_door_files.file",
    "wallet.programme", "wallet.apple_pass", "wallet.google_link",
    "passkit.changed", "passkit.latest", "probes.healthz", "probes.readyz", "probes.metrics",
    "openapi.show", "receipts.receipt", "receipts.verifier", "receipts.receipt_verifier",
}  # fmt: skip
# The parts of pages among them.
PARTS = {name for name in NO_PAGES if name.endswith((".part", ".halls"))}
QUERIES = {
    "admin.people.search": ("?q=keller", "?q=nobody", "?badge=to_collect&letters=x1-"),
    "admin.attendee_many.show": tuple(
        f"?do={action}&whole=yes"
        for action in ("issue", "reissue", "print", "mail", "revoke", "box")
    ),
    "admin.attendee_many.progress": ("?do=issue", "?do=reissue"),
    "desk.person.new_badge": ("?reason=lost",),
    "admin.find.show": ("?q=main", "?q=nothing-like-this"),
    "admin.persons.choose": ("?other={other}",),
    "admin.guests.show": ("?q=keller",),
    "admin.session_speakers.show": ("?q=keller",),
    "admin.rehearsal.show": ("?person=A1&place=hall:h1&at=2026-05-04T11:10",),
    "admin.rehearsal.day": ("?day=2026-05-04",),
    "admin.mailing.show": ("?who=due",),
    "admin.overview.show": ("?view=table&sort=alert",),
    "admin.entries.show": ("?decision=denied",),
    "admin.muster.printed": ("?all",),
}
# Pages that exist only with a query.
ASKED = {"admin.attendee_many.show", "admin.attendee_many.progress", "desk.person.new_badge"}
# The viewer of a page if not an admin: the key of `Event.who`.
WHO = {
    "phone": "stranger", "hall_screen": "stranger", "receipts": "stranger",
    "admin.sign_in": "stranger",
    "admin.invitations": "stranger", "admin.factors.ask": "waiting",
}  # fmt: skip


@dataclass
class Filled:
    """The event, and the viewers."""

    pages: Pages
    who: dict[str, Staff]
    values: dict[str, object]


def prepared(event: Event) -> Event:
    """Return the event with mails, and with photos at the desk."""
    write_settings(event, 2525)
    (event.path / "cards/photos").mkdir(parents=True)
    (event.path / "cards/cards.toml").write_text('photos = "photos"\n')
    return replace(event, settings=replace(event.settings, desk_photo=True))


def fill(pages: Pages) -> Filled:
    """Produce all content that pages show."""
    load_venue(pages.event, pages.database, PROGRAMME)
    pages.issue()
    admin = pages.staff("admin")
    # With a printer, no browser prints.
    submission = _card_of_the_desk(pages, admin)
    values = {"submission_id": submission, **_things(pages, admin)}
    _scans(pages)
    _phones(pages, admin)
    _bounces(pages)
    pages.database.write(lambda db: muster.begin(db, "drill", by="user:1", now=pages.now).muster_id)
    values |= {"token": _phone_token(pages), "mark": _invitation(admin)}
    values["screen"] = pages.database.write(
        lambda db: screen_links.add(db, 1, by="test", now=pages.now)
    )
    return Filled(pages, {"admin": admin, "stranger": pages.stranger(),
                          "waiting": _waiting(pages)}, values)  # fmt: skip


def _things(pages: Pages, admin: Staff) -> dict[str, object]:
    plan = PrinterPlan("Zebra East", "tcp://127.0.0.1:9100", "zpl", "4x3in", dpi=203)

    def step(db) -> tuple[int, int]:
        printer = store.add(db, plan, by="test", now=pages.now)
        store.note_status(db, printer, Status(PrinterState.PAPER_OUT), pages.now)
        webhook = endpoints.add(
            db, "https://example.org/hooks", ["entries", "troubles"], by="test", now=pages.now,
            http_allowed=False,
        )  # fmt: skip
        return printer, webhook.endpoint_id

    printer, endpoint = pages.database.write(step)
    roster = "id,given name,email,category\nA1,Anne,anna@example.org,delegate\nN1,Nora,,visitor\n"
    people = send(admin, "/admin/imports/people/", roster).location.rsplit("/", 1)[-1]
    more = '[[hall]]\ncode = "more"\nname = "More"\ncapacity = 5\n'
    venue = send(admin, "/admin/imports/venue/", VENUE + more, "venue.toml").location
    venue = venue.rsplit("/", 1)[-1]
    return {"printer_id": printer, "endpoint_id": endpoint, "list": people, "venue": venue}


def _scans(pages: Pages) -> None:
    main, other = pages.kiosk("main-1", "main"), pages.kiosk("main-2", "main")
    pages.kiosk("west-1", "h1-west")
    for kiosk in (main, other):
        pages.send(kiosk, health=wire.Health(version="1", battery_percent=9, queue=70))
    for number, name in enumerate(("A1", "A2", "A3")):
        main.scan(pages.now + number * 4_000, pages.serial(name), category=1)
    for number in range(3):
        main.scan(pages.now + MINUTE, pages.serial("A4"), decision="denied", reason="hall_full")
        main.scan(pages.now + number, None, decision="denied", reason="forged")
    other.scan(pages.now + 2 * MINUTE, pages.serial("A1"), category=1)
    pages.now += 3 * MINUTE
    pages.send(main)
    pages.send(other)


def _phones(pages: Pages, admin: Staff) -> None:
    """Let a phone work, another show its words, and a third try the same code."""
    doors = {"prefix": "side", "doors": ["main", "h1-west"], "phones": 2}
    code = code_in(admin.post("/admin/phones/code", doors).text)
    for number in (1, 2, 3):
        show(pages, code, key_of(number))
    decide(admin, "confirm", "side-1", six_words(key_of(1).public.raw, code.token))
    admin.post("/admin/phones/sheet", doors)


def _bounces(pages: Pages) -> None:
    """Let two mails come back. One of the addresses is corrected."""
    for name, sent_to in (("A1", b""), ("A3", address_hash("boris@example.org", 0))):
        pages.execute(
            "INSERT INTO mail (serial, issue, template, message_id, sent_to, state, tries, at,"
            " answer) VALUES (?, 1, 'invite', ?, ?, 'bounced', 1, ?, '550 no such user')",
            pages.serial(name), name, sent_to, pages.now,
        )  # fmt: skip


def _phone_token(pages: Pages) -> str:
    badge = issuing.current_badge(pages.database.reader, pages.serial("A1"))
    return phone_token(pages.event, badge.serial, badge.issue)


def _invitation(admin: Staff) -> str:
    page = admin.post("/admin/users/invite", {"name": "Lin", "role": "protocol"}).text
    match = re.search(r"/admin/invitation/(\w+)<", page)
    assert match
    return match[1]


def _waiting(pages: Pages) -> Staff:
    """A user who has typed the password and is asked for the second factor."""
    hashed = users.hash_password(PASSWORD)

    def step(db) -> None:
        user = users.add_user(db, "Waiting", "auditor", hashed, by="test", now=pages.now)
        db.execute("UPDATE staff_user SET totp_sealed = X'00' WHERE user_id = ?", (user.user_id,))

    pages.database.write(step)
    someone = pages.stranger()
    assert someone.post(
        "/admin/sign-in", {"name": "Waiting", "password": PASSWORD}
    ).status_code == 303  # fmt: skip
    return someone


def _card_of_the_desk(pages: Pages, admin: Staff) -> int:
    """A card that the clerk's browser prints."""
    clerk = DeskClerk(pages, admin)
    clerk.press(clerk.page("A2"), f"{clerk.page('A2')}/print")
    row = pages.database.reader.execute("SELECT MAX(submission_id) FROM desk_submission").fetchone()
    return int(row[0])


def addresses(filled: Filled) -> Iterator[tuple[str, Staff, str]]:
    """Yield each page's route, viewer and address."""
    pages = filled.pages
    ids = _values(filled)
    other = ids["other"]
    for rule in sorted(pages.app.url_map.iter_rules(), key=lambda rule: rule.rule):
        name = rule.endpoint
        if "GET" not in (rule.methods or ()) or name in NO_PAGES or rule.rule.startswith("/api/"):
            continue
        role = next((role for part, role in WHO.items() if name.startswith(part)), "admin")
        for values in _kinds(rule, ids):
            missing = rule.arguments - values.keys()
            assert not missing, f"{name}: say in every_page.py what {missing} are, or why not"
            built = rule.build({key: values[key] for key in rule.arguments})
            assert built is not None, name
            plain = () if name in ASKED else ("",)
            for query in (*plain, *QUERIES.get(name, ())):
                yield name, filled.who[role], built[1] + query.format(other=other)


def _values(filled: Filled) -> dict[str, object]:
    pages, db = filled.pages, filled.pages.database.reader
    newest = {
        key: db.execute(f"SELECT MAX({key}_id) FROM {key}").fetchone()[0]
        for key in ("hall", "session", "door")
    }
    kinds = ("organisation", "activity_kind", "activity", "area", "exhibitor", "stand")
    coded = {kind: db.execute(f"SELECT MIN(code) FROM {kind}").fetchone()[0] for kind in kinds}
    number, other = (badge_number(pages.serial(external_id)) for external_id in ("A1", "A3"))
    return {
        **filled.values,
        "number": number, "other": other, "hall_id": newest["hall"],
        "session_id": newest["session"], "door_id": newest["door"], "muster_id": 1,
        "key": f"fill:{newest['hall']}", "kiosk": "main-1",
        "of_kinds": {**newest, **coded, "category": 1},
    }  # fmt: skip


def _kinds(rule: Rule, ids: dict[str, object]) -> Iterator[dict[str, object]]:
    """Yield the values for a rule: several if its page has kinds."""
    name, match = rule.endpoint, re.search(r"<any\(([^)]+)\):kind>", rule.rule)
    of_kinds = ids["of_kinds"]
    assert isinstance(of_kinds, dict)
    code = of_kinds["activity" if name.endswith(".activity") else "organisation"]
    values = {**ids, "code": code}
    for part, key in (("admin.invitations", "mark"), ("admin.roster_upload", "list"),
                      ("admin.venue_upload", "venue"), ("hall_screen", "screen")):  # fmt: skip
        if name.startswith(part):
            values["token"] = ids[key]
    if name == "admin.log.entry":
        values["number"] = 0  # of a log entry, not of a badge
    if match is None:
        yield values
        return
    for kind in ("venue",) if name.startswith("admin.venue_upload") else match[1].split(","):
        yield {**values, "kind": kind, "number": of_kinds.get(kind)}
