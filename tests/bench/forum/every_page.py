"""Every page of the app, at addresses with things of a large event.

A new page without an address here is an error, so that none is forgotten.
"""

from collections.abc import Iterator, Mapping

from werkzeug.routing import Rule

from badges.credential.badge_number import badge_number
from server.core.muster import muster
from server.core.people import issuing
from server.core.people.phone_token import phone_token
from tests.bench.forum.large import PEOPLE
from tests.server.support.pages import Pages

# Pages not measured here, with the reason.
LEFT_OUT = {
    "static": "files",
    "phone_door_files.page": "a file",
    "phone_door_files.service_worker": "a file",
    "phone_door_files.manifest": "a file",
    "phone_door_files.index": "a file",
    "phone_door_files.file": "files",
    "admin.live.stream": "a stream that does not end",
    "admin.arrivals.stream": "a stream that does not end",
    "admin.muster.stream": "a stream that does not end",
    "admin.sign_in.form": "it leads who is signed in elsewhere",
    "admin.factors.ask": "it leads who is signed in elsewhere",
    "admin.sign_on.go": "it leads elsewhere, by an identity provider",
    "admin.sign_on.back": "it leads elsewhere, by an identity provider",
    "admin.invitations.show": "of an invitation that is open",
    "admin.home": "it leads elsewhere",
    "admin.roster_upload.show": "measured with the import",
    "admin.venue_upload.show": "measured with the import",
    "admin.kiosks.words": "of kiosks that are being set up",
    "admin.taking.show": "of an alert that is there",
    "admin.people.card": "a picture, no page: Typst draws it",
    "admin.integrations.webhook": "of webhooks, and a large event has none",
    "admin.entries.export": "a file: measured by BENCH=entries",
    "admin.acts.export": "a file: measured by BENCH=acts",
    "admin.attendee_list.download": "a file",
    "admin.attendee_many.show": "of people that are ticked",
    "admin.attendee_many.progress": "of one action",
    "desk.person.new_badge": "of a reason",
    "hall_screen.show": "of a hall's screen, whose address has a secret",
    "hall_screen.now": "of a hall's screen, whose address has a secret",
    "admin.people.day_card": "a picture, no page: Typst draws it",
    "admin.printers.edit": "of printers, and a large event has none",
    "desk.paper.show": "of a card that is being printed",
    "desk.paper.card": "a picture, no page: Typst draws it",
    "desk.photo.show": "of an event with photos",
    "admin.entries.receipt": "a file, of entries that were truly added",
    "receipts.receipt": "a file, of entries that were truly added",
    "admin.uploads.sample_file": "a file",
    "admin.edits.doors": "no page",
    "receipts.verifier": "a file",
    "receipts.receipt_verifier": "a file",
    "phone.worker": "a script",
    "phone.manifest": "no page",
    "wallet.google_link": "it leads elsewhere",
    "wallet.apple_pass": "a pass, no page",
    "wallet.programme": "a calendar, no page",
    "passkit.changed": "for phones, no page",
    "passkit.latest": "for phones, no page",
    "openapi.show": "a description for machines, no page",
    "probes.healthz": "for probes, no page",
    "probes.readyz": "for probes, no page",
    "probes.metrics": "for probes, no page",
}
# Other forms of a page, after its address.
MORE = {
    "admin.people.search": ("?q=Keller", f"?page={PEOPLE // 50}", "?q=guest+99999", "?q=nobody"),
    "admin.find.show": ("?q=Keller",),
    "admin.persons.choose": ("?q=Keller",),
    "admin.guests.show": ("?q=Keller",),
    "admin.venue.show": ("?day=2026-05-06&page=3",),
    "admin.acts.show": ("?what=venue_edited", "?hall=1"),
    "admin.entries.show": (
        "?person=guest+99&hall=1&act=exit",
        "?session={session}&remark=late",
        "?rows=500",
        "?rows=500&act=exit",
    ),
    "admin.attention.show": tuple(
        f"?kind={kind}&state={state}"
        for kind in ("conflict", "discrepancy", "override", "denials", "door")
        for state in ("open", "settled")
    ),
    "admin.inside.show": ("?page=150",),
    "admin.awaited.show": ("?hall={hall_id}",),
    "admin.rehearsal.show": ("?person={person}&place=hall:h1&at=2026-05-05T09:00",),
    "admin.rehearsal.day": ("?day=2026-05-05",),
    "admin.programme.activities": ("?page=20", "?kind=release&day=2&hall=3", "?q=1999"),
    "admin.programme.speakers": ("?role=keynote&page=30",),
    "admin.programme.organisations": ("?page=30", "?q=office+1999"),
    "admin.programme.exhibition": ("?page=10",),
}
# A code names these things, not a number.
CODED = {"admin.things.show_coded", "admin.things.new_coded"}
CODES = ("organisation", "activity_kind", "activity", "area", "exhibitor", "stand")
# Without these parameters the address is an error.
NEEDED = {"admin.rehearsal.day"}


def addresses(pages: Pages) -> Iterator[str]:
    """Yield the address of each GET page of staff, and of the phone page."""
    values = _values(pages)
    for rule in sorted(pages.app.url_map.iter_rules(), key=lambda entry: entry.rule):
        kiosks = rule.rule.startswith("/api/")
        if "GET" not in (rule.methods or ()) or rule.endpoint in LEFT_OUT or kiosks:
            continue
        for address in _of_rule(rule, values):
            if rule.endpoint not in NEEDED:
                yield address
            for more in MORE.get(rule.endpoint, ()):
                yield address + more.format_map(values["all"])


def _of_rule(rule: Rule, values: Mapping[str, Mapping[str, object]]) -> Iterator[str]:
    if "kind" in rule.arguments:
        for kind, number in values["coded" if rule.endpoint in CODED else "kinds"].items():
            yield _built(rule, {"kind": kind, "number": number})
        return
    own = values.get(rule.endpoint, {})
    missing = rule.arguments - (own.keys() | values["all"].keys())
    if missing:
        raise LookupError(f"{rule.rule}: say in tests/bench/forum/every_page.py what {missing} are")
    yield _built(rule, {**values["all"], **own})


def _built(rule: Rule, values: Mapping[str, object]) -> str:
    built = rule.build({key: values[key] for key in rule.arguments})
    assert built is not None, rule
    return built[1]


def _values(pages: Pages) -> dict[str, dict[str, object]]:
    db = pages.database.reader
    row = db.execute(
        "SELECT (SELECT MIN(serial) FROM attendee) AS serial,"
        " (SELECT MAX(session_id) FROM session) AS session,"
        " (SELECT MAX(code) FROM session) AS session_code,"
        " (SELECT MIN(number) FROM scan) AS entry,"
        " (SELECT MAX(hall_id) FROM hall) AS hall, (SELECT MAX(door_id) FROM door) AS door,"
        " (SELECT MIN(category) FROM category) AS category"
    ).fetchone()
    serial = row["serial"]
    badge = issuing.current_badge(db, serial)
    number = badge_number(serial)
    return {
        "all": {
            "number": number,
            "person": number,
            "hall_id": row["hall"],
            "session_id": row["session"],
            "session": row["session_code"],
            "token": phone_token(pages.event, serial, badge.issue),
            "name": "roster.csv",
            "muster_id": _muster(pages),
        },
        "kinds": {kind: row[kind] for kind in ("hall", "door", "session", "category")},
        "coded": {
            kind: db.execute(f"SELECT MIN(code) FROM {kind}").fetchone()[0] for kind in CODES
        },
        "admin.log.entry": {"number": row["entry"]},
        "admin.programme.activity": {"code": "a1"},
        "admin.programme.organisation": {"code": "o1"},
        "admin.organisation_merge.choose": {"code": "o1"},
    }


def _muster(pages: Pages) -> int:
    """Return the current muster, or begin one."""
    on = muster.current(pages.database.reader) or pages.database.write(
        lambda db: muster.begin(db, "drill", by="test", now=pages.now)
    )
    return on.muster_id
