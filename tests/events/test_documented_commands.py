"""Each command block of README and docs works as it is written, in the order of its page.

A reader of README begins in an empty directory. One of another page has an event `forum` in it, and
what that page takes for granted (`BEFORE`).
"""

import csv
import json
import re
import shutil
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.badges.printing.test_pretix import background
from tests.browser.phone.film import write_film
from tests.events.blocks import COMMANDS, FENCE, PAGES, ROOT, Block, blocks_of
from tests.events.reader import HERE, Reader, Values
from tests.server.features.printers.fake_ipp import FakeIpp
from tests.server.features.printers.virtual_zpl import VirtualZpl
from tests.server.features.wallet.test_google import service_account
from tests.server.support.authority import Authority, key_pem, pem
from tests.server.support.certificates import make_chain
from tests.server.support.postbox import Office, Postbox
from tests.server.support.postgresql.cluster import MISSING, Cluster, binaries
from tests.system.support.site import free_port, now_ms
from tests.tools import need

pytestmark = pytest.mark.system
FIRST_DAY = "2026-05-25"  # as in the pages' examples

BLOCKS = {path.relative_to(ROOT).as_posix(): blocks_of(path) for path in PAGES}
FROM_NOTHING = {"README.md", "docs/install.md"}


def is_run(block: Block) -> bool:
    return block.language == COMMANDS and not block.reason


def test_each_block_names_its_language() -> None:
    """Commands are `sh`. A block without a language, or an indented one, would not be run."""
    assert [block.place for page in BLOCKS.values() for block in page if not block.language] == []
    assert [place for path in PAGES for place in indented(path)] == []


def indented(path: Path) -> Iterator[str]:
    """Yield the places of blocks that are code only because they are indented."""
    inside = False
    before = "text"
    for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
        inside = inside != bool(FENCE.match(line))
        if not inside and not before and line.startswith("    "):
            yield f"{path}:{number}"
        before = line


@pytest.fixture(scope="session")
def forum(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An event with a venue, people and their badges, made by the commands that `init` prints."""
    reader = Reader(tmp_path_factory.mktemp("forum"), {})
    for line in (
        f"hallkeeper init forum --name Forum --public-host {HERE} --days 6 --first-day {FIRST_DAY}",
        f"hallkeeper sample sample --first-day {FIRST_DAY}",
        "hallkeeper import-venue sample/venue.toml --event forum",
        "hallkeeper import sample/roster.csv --event forum",
        "hallkeeper import-venue sample/guests.toml --event forum",
        "hallkeeper issue --event forum",
    ):
        reader.type(line)
    return reader.directory


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    reader = Reader(tmp_path, VALUES)
    try:
        yield reader
    finally:
        reader.close()


@pytest.mark.parametrize("page", [page for page in BLOCKS if any(map(is_run, BLOCKS[page]))])
def test_commands_of_a_page(page: str, reader: Reader, forum: Path) -> None:
    if page not in FROM_NOTHING:
        take_over(reader, forum)
    for block in filter(is_run, BLOCKS[page]):
        first = f"{page}: {block.text[0]}"
        for place, prepare in BEFORE.items():
            if first.startswith(place):
                prepare(reader)
        reader.read(block)
    reader.interrupt()


def take_over(reader: Reader, forum: Path) -> None:
    """Give the reader an event, which commands without `--event` take."""
    for name in ("forum", "sample"):
        shutil.copytree(forum / name, reader.directory / name)
    settings = reader.directory / "forum" / "event.toml"
    text = settings.read_text("utf-8")
    settings.write_text(re.sub(r"(?m)^port = .*", f"port = {free_port()}", text), "utf-8")
    reader.environment["HALLKEEPER_EVENT_DIR"] = "forum"


# What a page takes for granted, by the beginning of the block's first command.


def serve(reader: Reader) -> None:
    if not reader.running:
        reader.type("hallkeeper serve --event forum")


def choose_a_second_disk(reader: Reader) -> None:
    """Put docs/backup.md's lines for `event.toml` there."""
    blocks = [block for block in BLOCKS["docs/backup.md"] if block.language == "toml"]
    lines = [reader.filled_in(line) for block in blocks for line in block.text]
    settings = reader.directory / "forum" / "event.toml"
    settings.write_text("\n".join([*lines, settings.read_text("utf-8")]), "utf-8")
    (reader.directory / "second").mkdir()


def back_up(reader: Reader) -> None:
    need("restic")
    choose_a_second_disk(reader)
    reader.read(next(filter(is_run, BLOCKS["docs/backup.md"])))


def lose_the_server(reader: Reader) -> None:
    """Go to another computer, with a copy of the password of the repository."""
    reader.interrupt()
    password = reader.directory / "forum" / "keys" / "restic.password"
    shutil.copy(password, reader.directory / "restic.password")
    (reader.directory / "forum").rename(reader.directory / f"lost-{free_port()}")


def buy_a_certificate(reader: Reader) -> None:
    authority = Authority(now_ms())
    certificate, key = authority.certificate(HERE)
    chain = pem(certificate, authority.between)
    (reader.directory / "fullchain.pem").write_bytes(chain)
    (reader.directory / "privkey.pem").write_bytes(key_pem(key))


def make_a_token(reader: Reader) -> None:
    serve(reader)
    printed = reader.type("hallkeeper token make screen --scope read:entries --event forum")
    reader.environment["TOKEN"] = re.search(r"hkt_\S+", printed)[0]  # type: ignore[index]
    certificate = reader.directory / "forum" / "keys" / "certificate.pem"
    shutil.copy(certificate, reader.directory / "event-ca.pem")


def design_a_badge(reader: Reader) -> None:
    """Make a layout in pretix' editor."""
    code = {"type": "barcodearea", "content": "secret", "left": "10.00", "bottom": "10.00",
            "size": "30.00"}  # fmt: skip
    (reader.directory / "badge.json").write_text(json.dumps([code]))
    (reader.directory / "badge.pdf").write_bytes(background("#ffffff", width=90, height=60))


def connect_printers(reader: Reader) -> None:
    serve(reader)
    labels, office = VirtualZpl(), FakeIpp()
    for printer in (labels, office):
        reader.around.callback(printer.close)
    reader.values = {
        "tcp://192.168.1.41:9100": labels.address,
        "ipp://192.168.1.40/ipp/print": office.address,
        **reader.values,
    }


def prepare_mails(reader: Reader) -> None:
    office = Office(Postbox())
    office.start()
    reader.around.callback(office.stop)
    folder = reader.directory / "forum" / "mail"
    folder.mkdir()
    (folder / "mail.toml").write_text(
        f'host = "{HERE}"\nport = {office.port}\nsecurity = "none"\nsender = "a@example.org"\n'
        "rate_per_min = 6000\n"
    )
    (reader.directory / "mbox").write_text(
        "From x Mon May  4 10:00:00 2026\nSubject: hello\n\nhello\n"
    )


def export_from_other_systems(reader: Reader) -> None:
    """Have a programme and a table of exhibitors, for halls and areas of the sample."""
    times = "DTSTART:20260525T090000Z\nDTEND:20260525T100000Z"
    event = f"BEGIN:VEVENT\nUID:1\nSUMMARY:Tides\nLOCATION:Hall 1\n{times}\nEND:VEVENT"
    calendar = f"BEGIN:VCALENDAR\nVERSION:2.0\n{event}\nEND:VCALENDAR\n"
    (reader.directory / "programme.ics").write_text(calendar.replace("\n", "\r\n"))
    (reader.directory / "exhibitors.csv").write_text("name,stand,area\nPilots,B7,robots\n")


def give_out_apple_and_google_keys(reader: Reader) -> None:
    chain = make_chain(reader.directory / "bought", now_ms())
    for file, name in (
        (chain.p12, "pass.p12"),
        (chain.certificate, "pass.pem"),
        (chain.key, "pass.key"),
        (chain.intermediate, "AppleWWDRCAG4.cer"),
    ):
        shutil.copy(file, reader.directory / name)
    (reader.directory / "p12.txt").write_text("s3cret\n")
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    (reader.directory / "service-account.json").write_bytes(service_account(key))


def start_postgresql(reader: Reader) -> None:
    if binaries() is None:
        pytest.skip(MISSING)
    cluster = Cluster()
    reader.around.callback(cluster.stop)
    reader.environment |= {"PGHOST": str(cluster.path), "PGUSER": "hallkeeper"}
    reader.environment["PATH"] = f"{cluster.binaries}:{reader.environment['PATH']}"
    address = cluster.url("forum")
    reader.values = {
        "postgresql://hallkeeper@db.example/forum": f'"{address}"',
        **reader.values,
    }


def take_an_event_in_sqlite(reader: Reader) -> None:
    """Forget the new event of the page's beginning."""
    reader.type("dropdb forum && createdb --template template0 --encoding UTF8 forum")
    reader.type("rm -r forum-dir && mv forum forum-dir")


def save_receipts_page(reader: Reader) -> None:
    """Download the programs that verify, as /receipts offers them."""
    for name in ("verify.py", "verify_receipt.py"):
        shutil.copy(ROOT / "server" / "features" / "evidence" / name, reader.directory / name)


BEFORE: dict[str, Callable[[Reader], None]] = {
    "docs/api.md: curl": make_a_token,
    "docs/backup.md: (umask": choose_a_second_disk,
    "docs/backup.md: hallkeeper restore": lose_the_server,
    "docs/cards.md: hallkeeper print": design_a_badge,
    "docs/entry-log.md: hallkeeper audit": save_receipts_page,
    "docs/install.md: hallkeeper certificate": buy_a_certificate,
    "docs/kiosk.md: .venv/bin/hallkeeper-kiosk enrol": serve,
    "docs/mail.md: hallkeeper mail": prepare_mails,
    "docs/phone.md: hallkeeper certificate": buy_a_certificate,
    "docs/phone-doors.md: curl": serve,
    "docs/printers.md: hallkeeper printer": connect_printers,
    "docs/privacy.md: restic": back_up,
    "docs/programme.md: hallkeeper import-programme": export_from_other_systems,
    "docs/running.md: hallkeeper status": serve,
    "docs/scale.md: createdb": start_postgresql,
    "docs/scale.md: hallkeeper move": take_an_event_in_sqlite,
    "docs/upgrade.md: hallkeeper upgrade": serve,
    "docs/wallet.md: hallkeeper wallet install apple": give_out_apple_and_google_keys,
}


# What a reader has in place of a page's text.


def enrolment_code(reader: Reader) -> str:
    if not (reader.directory / "sample").exists():
        # In README the venue is made in the browser, as tests/browser/test_own_event.py does.
        reader.type(f"hallkeeper sample sample --first-day {settings_of(reader)['first_day']}")
        reader.type("hallkeeper import-venue sample/venue.toml --event forum")
    printed = reader.type("hallkeeper kiosk add west h1-west --event forum")
    return re.search(r"HKE1\.\S+", printed)[0]  # type: ignore[index]


def film_for_the_camera(reader: Reader) -> str:
    film = write_film(reader.directory / "camera.y4m")
    return f"--camera {film} --loop --port {free_port()}"


def settings_of(reader: Reader) -> dict[str, Any]:
    return tomllib.loads((reader.directory / "forum" / "event.toml").read_text("utf-8"))


def served_address(reader: Reader) -> str:
    return f"https://{HERE}:{settings_of(reader)['port']}"


def verified_address(reader: Reader) -> str:
    return f"--cacert forum/keys/certificate.pem {served_address(reader)}/door/"


def newest_backup(reader: Reader) -> str:
    return str(max((reader.directory / "second").glob("*Z")))


def key_of_the_log(reader: Reader) -> str:
    return reader.type("hallkeeper audit key --event forum").strip()


def badge_number(reader: Reader) -> str:
    reader.type("hallkeeper links --event forum --out links.csv")
    with (reader.directory / "links.csv").open(encoding="utf-8-sig") as file:
        return next(csv.DictReader(file))["badge"]


def unpacked_evidence(reader: Reader) -> str:
    shutil.unpack_archive(reader.directory / "evidence.zip", reader.directory / "evidence")
    return "cd evidence && python3 verify.py ."


# Longer texts stand before their parts.
VALUES: Values = {
    "10.0.0.5": HERE,
    "HKE1.…": enrolment_code,
    "--camera 0": film_for_the_camera,
    "--dir DIR": "--dir witness --port 0",
    "--event DIR": "--event forum",
    "--event EVENT": "--event forum",
    "BADGE": badge_number,
    "ROSTER": "sample/roster.csv",
    "PROGRAMME": "programme.ics",
    "EXHIBITORS": "exhibitors.csv",
    '"KEY"': lambda reader: f'"{key_of_the_log(reader)}"',
    "4711": "3",
    "one.zip": "evidence.zip",
    "other.zip": "court.zip",
    "python3 verify.py .": unpacked_evidence,
    'would-enter A1 "Hall 7"': 'would-enter P001 "Hall 1"',
    "https://badges.example.org/door/": verified_address,
    "https://forum.example.org:8443": served_address,
    "sftp:backup@nas.example.org:/srv/forum": lambda reader: str(reader.directory / "repository"),
    "/mnt/second/forum/20260504-020000Z": newest_backup,
    "/mnt/second/forum": lambda reader: str(reader.directory / "second"),
    "2026-05-26": FIRST_DAY,
}
