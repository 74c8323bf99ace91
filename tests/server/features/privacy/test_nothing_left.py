"""Somebody with a word of their own in every field is erased after every feature was used: no byte
of them is left in the database, the files, later backups, the log, or the memory of any server.
"""

import gc
import io
import logging
import shutil
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from types import BuiltinFunctionType, FrameType, FunctionType, MethodType, ModuleType

import pytest

from badges.credential.badge_number import badge_number
from badges.printing.latin import latin_name
from server.core.muster import muster
from server.core.second_disk.copy import make_backup
from server.features.backup.pages import TO_DOWNLOAD
from server.features.cards.pages.printing import KIND as CARDS
from server.features.mail.worker import KIND as MAILS
from server.features.privacy.forgetting import Forgetting
from server.features.privacy.places import EVENT_FILES, SECOND_DISK, Fate
from server.storage.database import Database
from server.web.jobs import Jobs, jobs_of
from server.web.services import services_of
from tests.server.conftest import HOUR, NOW
from tests.server.features.attendees.test_lists import form_of
from tests.server.features.imports.test_uploads import PEOPLE, preview
from tests.server.features.mail.conftest import write_settings
from tests.server.features.privacy.conftest import SECRETS, VALUES, Forum, stored
from tests.server.support.pages import Pages, Staff
from tests.server.support.postbox import Office, Postbox
from tests.server.support.stores import everything
from tests.waiting import LONGEST_S

pytestmark = [pytest.mark.system, pytest.mark.sqlite_alone]  # It chooses its engine itself.
NAME = "Wilhelmina Ada Quartermaine-Ōkubo"
ROW = ",".join(VALUES[name] for name in ("external_id", "given_name", "family_name", "email"))
# Pages that do not end, or end the session, or are no page of this server
NOT_OPENED = ("stream", "live", "sign", "logout", "static", "metrics")
SEARCHES = (
    "/admin/people/?q=Quartermaine", "/admin/find?q=Quartermaine", "/desk/find?q=Quartermaine",
    "/admin/entries?person=Quartermaine", "/admin/people/list.csv", "/admin/people/list.xlsx",
    "/admin/people/by-numbers", "/admin/people/many/progress?do=reissue",
)  # fmt: skip


def here(secret: str, held: str | bytes) -> bool:
    return secret in held if isinstance(held, str) else secret.encode() in held


def standing(held: str | bytes) -> list[str]:
    return [secret for secret in SECRETS if here(secret, held)]


@pytest.fixture
def other(forum: Forum, engine: str, tmp_path: Path) -> Iterator[Pages]:
    """Another server of the event, where it can have one."""
    if engine == "sqlite":
        yield forum.pages
        return
    folder = tmp_path / "event of the other server"
    shutil.copytree(forum.event.path, folder)
    with ExitStack() as stack:
        opened = stack.enter_context(Database(forum.event.database_path))
        event = replace(forum.event, path=folder)
        yield stack.enter_context(Pages(event, opened, now=forum.pages.now))


@pytest.fixture
def office() -> Iterator[Office]:
    """A mail server that refuses her address, and quotes it."""
    box = Postbox(on_recipient=lambda to: f"550 5.1.1 no mailbox {to}")
    office = Office(box)
    office.start()
    yield office
    office.stop()


@pytest.mark.parametrize("engine", ["sqlite", "postgresql"], indirect=True)
def test_nothing_of_an_erased_person_is_left(
    forum: Forum, other: Pages, engine: str, office: Office, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.CRITICAL, "mail.log")  # the test's mail server, which logs addresses
    servers = list({id(pages): pages for pages in (forum.pages, other)}.values())
    here_admin, there_admin = forum.pages.staff("admin"), other.staff("admin")
    with other.app.app_context():
        jobs = jobs_of(services_of(other.app))
    number, another = badge_number(forum.serial), badge_number(forum.pages.serial("A1"))
    for pages in servers:
        folder = pages.event.path / "cards/photos"
        for name in (number, another):
            shutil.copy(folder / "REG-ZQ-90417.jpg", folder / f"{name}.jpg")
    write_settings(other.event, office.port)
    upload = use(forum, other, there_admin, jobs, engine)
    before = "".join(shown(pages.staff("admin"), pages) for pages in servers)
    assert standing(before), "the pages showed them"
    assert standing(everything(forum.database)) == list(SECRETS)
    assert standing(memory(other)), "the server had them in memory"

    person = f"/admin/privacy/person/{number}"
    sent = {**here_admin.fields_shown(person, f"{person}/erase"), "confirm": "yes"}
    answer = here_admin.post(f"{person}/erase", {**sent, "backups": "yes"}, follow_redirects=True)
    assert "is erased." in answer.text
    assert "still contains" not in answer.text

    assert there_admin.get(upload).status_code == 303, "the preview is gone"
    for page, name in (("cards/print", "cards.pdf"), ("backup", "backup.tar")):
        answer = there_admin.post(f"/admin/{page}/{name}", follow_redirects=True)
        assert "no such file any more" in answer.text, page
    for pages in servers:
        assert standing(shown(pages.staff("admin"), pages)) == []
        with pages.app.app_context():
            services_of(pages.app).find(Forgetting).look()
        assert standing(memory(pages)) == []
    assert latin_name.cache_info().currsize == 0
    assert standing(everything(forum.database)) == []
    assert standing(caplog.text) == []
    for pages in servers:
        assert standing(stored(pages.event.path)) == []
        photos = {path.stem for path in (pages.event.path / "cards/photos").iterdir()}
        assert (number in photos, another in photos) == (False, True)
        assert {path.name for path in pages.event.path.iterdir()} <= EVENT_FILES.keys()
        for name, file in EVENT_FILES.items():
            if file.fate in (Fate.EMPTIED, Fate.DROPPED):
                assert list((pages.event.path / name).glob("*")) == [], name
    if engine == "sqlite":
        make_backup(forum.event, forum.backups, forum.pages.now + HOUR)
        assert standing(stored(forum.backups)) == []
        names = {path.name for path in forum.backups.iterdir() if "Z" not in path.name}
        assert names <= SECOND_DISK.keys()


def use(forum: Forum, pages: Pages, admin: Staff, jobs: Jobs, engine: str) -> str:
    """Use the features at a server. Return the address of an import that waits."""
    number = badge_number(forum.serial)

    def step(db) -> None:
        begun = muster.begin(db, f"drill for {NAME}", by="user:1", now=NOW)
        muster.end(db, begun.muster_id, f"{NAME} found", by="user:1", now=NOW)

    pages.database.write(step)
    roster = f"id,given name,family name,email,category\n{ROW},delegate\n"
    upload, page = preview(admin, PEOPLE, roster)
    assert standing(page.text)
    many = admin.get("/admin/people/many?do=reissue&whole=yes&q=Quartermaine")
    sent = admin.post("/admin/people/many", {**form_of(many), "reason": "changed"})
    assert sent.status_code == 303
    many = admin.get("/admin/people/many?do=mail&whole=yes&q=Quartermaine")
    assert admin.post("/admin/people/many", form_of(many)).status_code == 303
    assert jobs.own(MAILS).ended.wait(LONGEST_S)
    answers = "SELECT answer FROM mail WHERE serial = ? AND template = 'invite'"
    assert "no mailbox" in forum.rows(answers, forum.serial)[0][0]
    admin.post("/admin/cards/print/start", {"who": "all"})
    kinds = ["people: reissue", CARDS]
    if engine == "sqlite":
        make_backup(forum.event, forum.backups, NOW)
        admin.post("/admin/backup/make", {"confirm": "yes"})
        kinds.append(TO_DOWNLOAD)
    for kind in kinds:
        job = jobs.own(kind)
        assert job.ended.wait(LONGEST_S)
        assert job.state == "ready", job.problem
    pages_of_person = (
        f"/admin/people/{number}", f"/admin/people/{number}/card.pdf", f"/desk/person/{number}",
        f"/admin/privacy/person/{number}",
    )  # fmt: skip
    found = [admin.get(address) for address in pages_of_person]
    assert {answer.status_code for answer in found} == {200}
    assert admin.post(f"/admin/privacy/person/{number}/export.zip").status_code == 200
    assert standing(admin.get("/admin/people/list.csv").text)
    return upload


def shown(admin: Staff, pages: Pages) -> str:
    """What all pages without parameters show to an admin, and some searches."""
    rules = [rule for rule in pages.app.url_map.iter_rules() if "GET" in (rule.methods or ())]
    addresses = [
        rule.rule
        for rule in rules
        if not rule.arguments and not any(word in rule.endpoint for word in NOT_OPENED)
    ]
    assert len(addresses) > 60
    texts = []
    for address in (*addresses, *SEARCHES):
        answer = admin.get(address)
        assert answer.status_code != 500, address
        text = unpacked(answer.data)
        # A search repeats its words.
        texts.append(text.replace("Quartermaine", "") if "?" in address else text)
    return "\n".join(texts)


def unpacked(data: bytes) -> str:
    if zipfile.is_zipfile(io.BytesIO(data)):
        with zipfile.ZipFile(io.BytesIO(data)) as packed:
            data = b"\n".join(packed.read(name) for name in packed.namelist())
    return data.decode(errors="replace")


def memory(pages: Pages) -> str:
    """All texts that can be reached from what a server keeps."""
    skipped = (ModuleType, type, FrameType, BuiltinFunctionType)
    seen: set[int] = set()
    texts: list[str] = []
    left: list[object] = [services_of(pages.app)]
    while left:
        thing = left.pop()
        if id(thing) in seen or isinstance(thing, skipped):
            continue
        seen.add(id(thing))
        if isinstance(thing, str):
            texts.append(thing)
        elif isinstance(thing, bytes):
            texts.append(thing.decode(errors="replace"))
        elif isinstance(thing, FunctionType):
            left += [cell.cell_contents for cell in thing.__closure__ or () if has_contents(cell)]
        elif isinstance(thing, MethodType):
            left += [thing.__self__, thing.__func__]
        else:
            left += gc.get_referents(thing)
    # The fixture's own statements have her words; the program's have parameters.
    return "\n".join(text for text in texts if not text.startswith("INSERT INTO"))


def has_contents(cell: object) -> bool:
    try:
        cell.cell_contents  # type: ignore[attr-defined]  # noqa: B018
    except ValueError:
        return False
    return True
