"""Messages about refused forms and files, in an invented language.

Each error comes from a layer below the web; the page translates it.
"""

import re
from collections.abc import Iterator

import pytest

from badges.credential.badge_number import badge_number
from server.core.edits.last_edit import mark_of
from server.core.event.directory import Event
from server.storage.database import Database
from tests.server.features.imports.test_programme_import import PROGRAMME
from tests.server.features.imports.test_uploads import send
from tests.server.features.mail.conftest import write_settings
from tests.server.support.pages import PASSWORD, Pages, Staff
from tests.server.support.stores import load_venue
from tests.server.web.language import lively, pseudo
from tests.server.web.language.test_pseudo_language_pages import english_on

LANG = f"?lang={pseudo.LANGUAGE}"


@pytest.fixture
def pages(event: Event, site: Database) -> Iterator[Pages]:
    pseudo.add_file(event)
    write_settings(event, 2525)
    load_venue(event, site, PROGRAMME)
    with Pages(event, site) as opened:
        lively.happen(opened)
        yield opened


@pytest.fixture
def admin(pages: Pages) -> Staff:
    someone = pages.staff("admin")
    someone.get(f"/admin/venue/{LANG}")
    return someone


HALL = {"name": "Big", "capacity": "5", "code": "big", "seen": "none"}
# Refused forms: address, fields, and the form's own data in the answer.
FORMS: tuple[tuple[str, dict[str, object], str], ...] = (
    ("/admin/integrations/tokens", {"name": "", "days": "5", "scope": "read:halls"}, ""),
    ("/admin/integrations/tokens", {"name": "A", "days": "5"}, ""),
    ("/admin/integrations/tokens", {"name": "A", "days": "x", "scope": "read:halls"}, ""),
    ("/admin/integrations/tokens", {"name": "Lights", "days": "5", "scope": "read:halls"}, ""),
    ("/admin/integrations/tokens/99/revoke", {}, ""),
    ("/admin/integrations/webhooks", {"url": "nothing", "topic": "halls"}, ""),
    ("/admin/integrations/webhooks", {"url": "http://example.org/x", "topic": "halls"}, ""),
    ("/admin/integrations/webhooks", {"url": "https://a:b@example.org/x", "topic": "halls"}, ""),
    ("/admin/integrations/webhooks", {"url": "https://example.org/x"}, ""),
    ("/admin/kiosks/add", {"kiosk": "A_B", "door": "main"}, "A_B|a_b"),
    ("/admin/kiosks/add", {"kiosk": "k9", "door": "nowhere"}, "nowhere|k9"),
    ("/admin/kiosks/k3/retire", {"sure": "yes"}, "retired"),
    ("/admin/halls/1/capacity", {"capacity": "999999"}, ""),
    ("/admin/halls/1/capacity", {"capacity": "x"}, ""),
    ("/admin/users/add", {"name": "", "password": PASSWORD, "role": "steward"}, ""),
    ("/admin/users/1/role", {"role": "steward"}, ""),
    ("/admin/users/2/pin", {"pin": "1"}, ""),
    ("/admin/users/2/pin", {"pin": "123456"}, ""),
    ("/admin/users/invite", {"name": "", "role": "steward"}, ""),
    ("/admin/privacy/clocks", {"people": "999999", "seen": mark_of({})}, ""),
    ("/admin/muster/begin", {"reason": "x", "sure": "yes"}, ""),
    ("/admin/muster/1/end", {"note": ""}, ""),
    ("/admin/alerts/silent:k1", {"note": ""}, ""),
    ("/admin/printers/new", {"name": "", "address": "tcp://1.2.3.4", "kind": "zpl"}, ""),
    ("/admin/printers/new", {"name": "P", "address": "x", "kind": "zpl", "format": "4x3in",
                             "dpi": "300"}, ""),
    ("/admin/printers/new", {"name": "P", "address": "tcp://u:p@x", "kind": "zpl",
                             "format": "4x3in", "dpi": "300"}, ""),
    ("/admin/printers/new", {"name": "P", "address": "tcp://1.2.3.4:9100", "kind": "zpl",
                             "format": "a4-folded", "dpi": "300"}, "a4 folded|tcp|zpl"),
    ("/admin/printers/new", {"name": "Ölive", "address": "tcp://1.2.3.4:9100", "kind": "zpl",
                             "format": "4x3in", "dpi": "300"}, ""),
    ("/admin/printers/new", {"name": "P", "place": "x"}, ""),
    ("/admin/venue/hall/new", {**HALL, "capacity": "many"}, ""),
    ("/admin/venue/hall/new", {**HALL, "fire_limit": "1"}, ""),
    ("/admin/venue/hall/new", {**HALL, "accessible_places": "9"}, ""),
    ("/admin/venue/hall/new", {**HALL, "floor_m2": "9"}, ""),
    ("/admin/venue/hall/new", {**HALL, "name": "x" * 300}, ""),
    ("/admin/venue/category/new", {"name": "Red", "letter": "§", "colour": "#ff0000"}, ""),
    ("/admin/venue/session/new", {"title": "T", "hall": "h1", "starts": "2026-05-04T11:00",
                                  "ends": "2026-05-04T10:00"}, ""),
    ("/admin/venue/session/new", {"title": "T", "hall": "h1", "starts": "2030-05-04T11:00",
                                  "ends": "2030-05-04T12:00"}, ""),
    ("/admin/venue/session/new", {"title": "T", "hall": "h1", "starts": "soon", "ends": ""}, ""),
    ("/admin/venue/organisation/new", {"name": "", "country": "Nowhere"}, ""),
    ("/admin/venue/activity/new", {"title": "T", "kind": "tour", "language": "klingonish",
                                   "lead": "nobody"}, "nobody"),
    ("/admin/venue/stand/new", {"code": "A 1", "area": "x", "m2": "-1"}, ""),
    ("/admin/people/new", {"given_name": "", "family_name": "", "category": "1"}, ""),
    ("/admin/people/new", {"given_name": "A", "category": "1", "email": "anna@example.org"}, ""),
    ("/admin/people/new", {"given_name": "A", "category": "1", "email": "x"}, ""),
    ("/admin/people/new", {"given_name": "A", "category": "1", "country": "Nowhere"}, ""),
    ("/admin/people/NUMBER/reissue", {"reason": "lost", "sure": "yes"}, ""),
    ("/admin/people/REVOKED/reissue", {"reason": "lost", "sure": "yes"}, ""),
    ("/admin/people/REVOKED/revoke", {"reason": "conduct", "sure": "yes"}, ""),
    ("/admin/people/NUMBER/reinstate", {"reason": "mistake", "sure": "yes"}, ""),
    ("/admin/people/NUMBER/day-credential", {"day": "9", "sure": "yes"}, ""),
    ("/admin/people/REVOKED/day-credential", {"day": "1", "sure": "yes"}, ""),
    ("/admin/people/NUMBER/link/renew", {"sure": "yes"}, ""),
    ("/admin/people/NUMBER/no-copy", {"sure": "yes"}, ""),
    ("/admin/account/password", {"present": PASSWORD, "chosen": "12345", "again": "12345"}, ""),
    ("/admin/account/password", {"present": PASSWORD, "chosen": "password123456789",
                                 "again": "password123456789"}, ""),
    ("/admin/mail/start", {"who": "everybody", "limit": "x", "sure": "yes"}, ""),
    ("/admin/cards/save", {"format": "a6", "seen": "x"}, r"\b[A-Z] ·|ĉina"),
)  # fmt: skip


def data_out(page: str, data: str) -> str:
    return re.sub(data, " ", page) if data else page


def test_forms_that_are_refused(pages: Pages, admin: Staff) -> None:
    numbers = {
        name: badge_number(pages.serial(external_id))
        for name, external_id in (("NUMBER", "A1"), ("REVOKED", "A3"))
    }
    left, silent = {}, []
    for place, (target, fields, data) in enumerate(FORMS):
        for name, number in numbers.items():
            target = target.replace(name, number)
        answer = admin.post(target, fields, follow_redirects=True)
        if answer.status_code == 404 or answer.status_code == 405:
            silent.append((place, target, answer.status_code))
            continue
        if not re.search(r'class="(notice|error)|role="alert"', answer.text):
            silent.append((place, target, answer.status_code))
        if english := english_on(pages, data_out(answer.text, data)):
            left[place, target] = english
    assert (left, silent) == ({}, [])


ICAL = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\n{}END:VCALENDAR\r\n"
EVENT = "BEGIN:VEVENT\r\nUID:u1\r\nSUMMARY:Tide\r\n{}END:VEVENT\r\n"
ROWS = "id,given name,family name,email,category,days,country,phone,language,zones,accessible\n"
# Files that are refused, or that leave questions open, by their kind.
FILES: dict[str, tuple[str | bytes, ...]] = {
    "people": (
        "", "x" * 10, "id,name\n", "<html>", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"x" * 99,
        b"PK\x03\x04 nothing", "id,given name,category\nX1,\"A,visitor\n",
        "姓名,类别\n王,代表\n陈,代表\n".encode("gb18030") + b"\xff\xff\n" * 20,
        ROWS + "Z1,=A,B,x,visitor,1,Nowhere,1,klingonish,p,maybe\n",
        ROWS + "Z1,A,B,x@example.org,nobody,99,Korea,+86,zh,no such,none\nZ1,A\n",
        ROWS + "A1,Otto,Other,anna@example.org,visitor,,,,,,\n,Anna,Keller,,visitor,,,,,,\n"
               ",Nora,New,nora@example.org,visitor,,,,,,\n,Nils,New,nora@example.org,visitor,,,,,,\n",
        "No.,given name,category\n1,A,visitor\n2,B,visitor\n",
        "A title above\nid,given name,category,status,invitations\n"
        "S1,A,visitor,cancelled,closed-door\nS2,B,visitor,pending,s1\nS3,C,visitor,odd,s1\n",
        "id,given name,category\nY1,A\u200bB,ｖisitor\n",
        "Order code,Email,Product\nA,b@example.org,x\n",
    ),
    "venue": (
        "", "nonsense", "[[hal]]\n", "hall = 1\n", b"\xff\xfe", b"PK\x03\x04 nothing",
        '[[hall]]\ncode = "x y"\ncapacity = 5\nname = "X"\n[[hall]]\ncode = "h9"\n',
        '[[hall]]\ncode = "h9"\nname = "X"\ncapacity = 9\nfire_limit = 5\nparent = "none"\n'
        'zones = ["no"]\ncategories = ["nobody"]\nodd = 1\n',
        '[[door]]\ncode = "d9"\nname = "D"\nhall = "nowhere"\nfrom = "main"\n'
        '[[hall]]\ncode = "H1"\nname = "X"\ncapacity = 9\n',
        '[[session]]\ncode = "s9"\ntitle = "S"\nhall = "h1"\nstarts = 2026-05-04 10:00:00\n'
        'ends = 2026-05-04 11:00:00\ncategories = ["visitor"]\ninvited = ["A1"]\n'
        'refused = ["A1"]\nactivity = "nothing"\n',
        '[[hall]]\ncode = "h9"\nname = "X"\ncapacity = 9\nfloor_m2 = 4\nm2_per_person = 1\n'
        'seats = 3\nentry_lanes = 1\nexit_width_m = 1\nexit_steps_width_m = 1\n',
        '[[zone]]\nbit = 0\ncode = "other"\n[[category]]\ncode = 200\nkey = "staff"\n'
        'name = "X"\nletter = "D"\ncolour = "#ff0000"\n',
        '[[speaker]]\nsession = "nothing"\nname = "Nora"\nrole = "clown"\n'
        '[[stand]]\ncode = "A9"\narea = "nowhere"\nexhibitor = "nobody"\n',
    ),
    "programme": (
        "", "nothing", "BEGIN:VCALENDAR", ICAL.format(""),
        ICAL.format(EVENT.format("DTSTART:20260504T100000Z\r\nLOCATION:Room\r\n")),
        ICAL.format(EVENT.format("DTSTART:20260504T100000Z\r\nDURATION:PT1H\r\n"
                                 "LOCATION:Room\r\nCATEGORIES:Odd\r\nATTACH:http://x\r\n")),
        ICAL.format(EVENT.format("DTSTART:20260504T100000Z\r\nDTEND:20260504T090000Z\r\n")),
        ICAL.format(EVENT.format("DTSTART:20260504T100000Z\r\nDURATION:PT1H\r\n"
                                 "RRULE:FREQ=SECONDLY\r\n")),
        ICAL.format(EVENT.format("DTSTART;TZID=Mars:20260504T100000\r\nDURATION:PT1H\r\n")),
        "{", "{}", '{"schedule": {"conference": {}}}',
        '{"schedule": {"conference": {"days": [{"rooms": {"R": [{"title": "T"}], "S": 1}}, 5]}}}',
        "<schedule", "<other/>", "<!DOCTYPE x><schedule/>", "<schedule></schedule>",
    ),
    "exhibitors": (
        "", "name\nX\n", b"\xff\xfe\x00", "exhibitor,stand,m2,area,kind,country\n,,,,,\n",
        "exhibitor,stand,m2,area,kind,country,odd\nFirm,A1,x,nowhere,circus,Nowhere,1\n"
        "Firm,A1;B 2,5.7,,company,DE,\nFirm,,1,,,\n",
        "exhibitor,stand,m2\nFirm,A1;A2,9\nOther,A1,3\n",
    ),
}  # fmt: skip
# The files' own data, and messages of libraries about them.
OF_FILES = re.compile(
    r"list\.csv|<option[^>]*>[^<⟦]*</option>|&#39;[^&]*&#39;|\bx{10}\b|\bnobody\b|\b(Otto|Other)\b"
    r'|<bdi class="cell">[^<]*</bdi>'
    r"|\bN(ils|ora) New\b|\bNo\.|>[ABCX]+<|\bX\b|\bh9\b"
)


def test_files_that_are_refused(pages: Pages) -> None:
    left = {}
    for kind, files in FILES.items():
        admin = pages.staff("admin")  # Each may send a few files in a minute.
        admin.get(f"/admin/venue/{LANG}")
        for place, data in enumerate(files):
            sent = send(admin, f"/admin/imports/{kind}/", data)
            page = admin.get(sent.location)
            assert page.status_code == 200, (kind, place)
            if english := english_on(pages, OF_FILES.sub(" ", page.text)):
                left[kind, place] = english
    assert left == {}


DESK = ("/", "/name", "/part", "/pace", "/walk-in",
        "/person/N", "/person/N/correct", "/person/N/day", "/person/N/phone", "/person/R",
        "/person/N/photo")  # fmt: skip


def test_pages_of_the_desk(pages: Pages) -> None:
    clerk = pages.staff("badge_desk")
    clerk.post("/desk/name", {"desk": "North 2"})
    number, revoked = (badge_number(pages.serial(external_id)) for external_id in ("A1", "A3"))
    left = {}
    for target in DESK:
        address = target.replace("/N", f"/{number}").replace("/R", f"/{revoked}")
        answer = clerk.get(f"/desk{address}", headers={"Accept-Language": pseudo.LANGUAGE})
        if english := english_on(pages, answer.text.replace("North 2", "")):
            left[target] = english
    walk_in = {"given_name": "", "family_name": "", "category": "", "email": "x"}
    for target, fields in (("/walk-in", walk_in), (f"/person/{revoked}/day", {"day": "1"}),
                           (f"/person/{number}/day", {"day": "9"}),
                           (f"/person/{revoked}/mail", {}), ("/name", {"desk": ""})):  # fmt: skip
        headers = {"Referer": "https://localhost/", "Accept-Language": pseudo.LANGUAGE}
        sent = clerk.client.post(
            f"/desk{target}", data={"csrf_token": clerk.form_token(), **fields},
            base_url="https://localhost", headers=headers, follow_redirects=True,
        )  # fmt: skip
        if english := english_on(pages, sent.text.replace("North 2", "")):
            left[f"POST {target}"] = english
    assert left == {}


def test_pages_before_anybody_has_signed_in(pages: Pages) -> None:
    stranger = pages.stranger()
    left = {}
    for target in ("/admin/sign-in", "/admin/invitation/nothing", "/b/nothing", "/nothing"):
        answer = stranger.get(target, headers={"Accept-Language": pseudo.LANGUAGE})
        if english := english_on(pages, answer.text):
            left[target] = english
    assert left == {}
