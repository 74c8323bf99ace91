"""The console as an admin uses it: output, files and exit status."""

import csv
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from datetime import date
from pathlib import Path
from pkgutil import resolve_name

import click
import pyotp
import pypdfium2
import pytest
from click.testing import CliRunner
from msgspec import UNSET

from badges.credential.badge_number import badge_number
from badges.credential.keys import PrivateKey
from badges.printing import fonts
from badges.wire import enrolment, wire
from server.cli.main import local_zone, main
from server.console import SPOKEN, Later, default_event, start_command
from server.core.event.directory import Event, load_event
from server.core.event.settings import EventSettings
from server.core.kiosks import registry
from server.core.people import issuing
from server.core.staff import second_factors, users
from server.storage.database import Database
from server.storage.opening import connect
from tests.badges.printing.test_pretix import background
from tests.server.conftest import serial_of
from tests.server.support.console import Console
from tests.server.support.signing import sign_in

pytestmark = pytest.mark.system


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_closed_stream(console: Console, tmp_path: Path, closed: str) -> None:
    """As cron and some programs leave it. A backup was not made, without a word."""
    place = tmp_path / "copies"
    place.mkdir()
    environment = os.environ | {"HALLKEEPER_EVENT_DIR": str(console.event.path)}
    for command in (f"backup {place}", f"restore {place}/*Z --event {tmp_path}/again"):
        script = f"{sys.executable} -m server {command} {closed}"
        done = subprocess.run(["sh", "-c", script], env=environment, capture_output=True, text=True)
        assert "Traceback" not in done.stderr
    assert len(list(place.iterdir())) == 1
    if "2>" not in closed:
        assert "say --without-acts" in done.stderr


def test_a_terminal_that_can_not_show_a_name(tmp_path: Path) -> None:
    """The password is shown once, after the event was made."""
    command = [sys.executable, "-m", "server", "init", str(tmp_path / "forum"), "--name-zh", "论坛"]
    environment = os.environ | {"PYTHONIOENCODING": "latin-1"}
    done = subprocess.run(command, env=environment, capture_output=True, check=True)
    assert rb"Made the event '\u8bba\u575b'" in done.stdout
    assert b"  password  " in done.stdout


def test_from_nothing_to_paper(tmp_path: Path) -> None:
    result = CliRunner().invoke(
        main, ["init", str(tmp_path / "forum"), "--time-zone", "Asia/Tokyo"]
    )
    assert result.exit_code == 0, result.output
    assert "shown once" in result.output
    event = load_event(tmp_path / "forum")
    assert event.settings.name == {"en": "forum"}
    assert event.settings.time_zone == "Asia/Tokyo"
    password = result.output.partition("password  ")[2].split()[0]
    with Database(event.database_path) as database:
        user, _ = sign_in(database, "admin", password, now=0)
        assert user.must_change
    assert user.role == "admin"
    console = Console(tmp_path, event)
    roster = console.file("r.csv", "name,category\nAnna Keller,vip\n王小明,speaker\n")
    assert "Added 2, updated 0, unchanged 0, skipped 0." in console("import", roster).output
    assert "Issued 2 badges." in console("issue").output
    assert "Everyone has a badge" in console("issue").output
    out = tmp_path / "badges.pdf"
    assert "2 badges in" in console("print", "--out", str(out)).output
    with pypdfium2.PdfDocument(out) as document:
        assert len(document) == 2


class TestInit:
    def test_every_option(self, tmp_path: Path) -> None:
        arguments = (
            "init x --name Forum --name-zh 论坛 --time-zone Europe/Rome --first-day 2027-01-05"
            " --days 4 --public-host door.example --port 9000"
        ).split()
        arguments[1] = str(tmp_path / "x")
        assert CliRunner().invoke(main, arguments).exit_code == 0
        settings = load_event(tmp_path / "x").settings
        assert settings.name == {"en": "Forum", "zh": "论坛"}
        assert (str(settings.first_day), settings.days) == ("2027-01-05", 4)
        assert settings.public_address == "https://door.example:9000"

    def test_a_directory_that_is_not_empty(self, console: Console) -> None:
        result = console("init", str(console.path), status=1)
        assert "is not empty. Name a new or an empty directory; nothing was changed." in (
            result.output
        )

    @pytest.mark.parametrize(
        ("option", "value", "message"),
        [
            ("--days", "17", "days must be the number of the event's days, 1 to 16."),
            ("--time-zone", "Mars/Base", "time_zone must be a time zone by its IANA name"),
            ("--port", "0", "port must be a port from 1 to 65535."),
            ("--public-host", "https://a", "public_host must be a host name or an address"),
        ],
    )
    def test_what_can_not_be(self, tmp_path: Path, option: str, value: str, message: str) -> None:
        result = CliRunner().invoke(main, ["init", str(tmp_path / "e"), option, value])
        assert result.exit_code == 1
        assert message in result.output
        assert not (tmp_path / "e").exists()

    def test_a_name_that_is_no_utf_8(self, tmp_path: Path) -> None:
        result = CliRunner().invoke(main, ["init", str(tmp_path / "e"), "--name", "caf\udce9"])
        assert result.exit_code == 2
        assert "has letters that are no UTF-8" in result.output
        assert not (tmp_path / "e").exists()

    def test_the_next_command(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("server.console.SERVICE_EVENT", tmp_path / "service")
        for name, command in (
            ("other", f"hallkeeper serve --event {tmp_path}/other"),
            ("service", "sudo systemctl start hallkeeper"),
        ):
            result = CliRunner().invoke(main, ["init", str(tmp_path / name)])
            assert f"Next:\n  {command}\n" in result.output

    def test_the_machines_zone_is_one(self) -> None:
        assert EventSettings({"en": "x"}, local_zone(), date(2026, 5, 4), 1).time_zone


class TestBadges:
    def test_print_some(self, filled: Console) -> None:
        with Database(filled.event.database_path) as database:
            number = badge_number(serial_of(database, "A3"))
        out = filled.path / "some.pdf"
        filled("print", "--out", str(out), "--attendee", number, "--attendee", "A1,A2")
        with pypdfium2.PdfDocument(out) as document:
            assert len(document) == 3

    def test_each_choice_of_the_command(self, filled: Console) -> None:
        def pages(*arguments: str) -> int:
            out = filled.path / "c.pdf"
            filled("print", "--out", str(out), *arguments)
            with pypdfium2.PdfDocument(out) as document:
                return len(document)

        assert pages("--category", "press", "--format", "86x54") == 1
        assert pages("--not-printed", "--order", "organisation", "--back") == 6
        result = filled("print", "--out", str(filled.path / "d.pdf"), "--not-printed", status=1)
        assert "none of the badges is as asked; nothing was printed." in result.output
        output = filled("print", "--out", str(filled.path / "d.pdf"), "--layer-only").output
        assert "4 badges in" in output
        assert "of which 4 were printed before." in output
        result = filled("print", "--out", "x.pdf", "--category", "king", status=2)
        assert "There is no category 'king': known are delegate" in result.output

    def test_pictures(self, filled: Console) -> None:
        filled("print", "--out", str(filled.path / "p.png"), "--dpi", "60", "--attendee", "A1,A2")
        assert [path.name for path in sorted(filled.path.glob("p*.png"))] == [
            "p-0001.png",
            "p-0002.png",
        ]

    def test_names_to_correct_are_told(self, filled: Console) -> None:
        output = filled("print", "--out", str(filled.path / "b.pdf")).output
        assert "1 name were transliterated" not in output
        assert "transliterated, for correction in the roster's column latin_name:" in output
        assert ": WANG Xiaoming" in output

    def test_a_bad_folder_of_cards(self, filled: Console) -> None:
        (filled.event.path / "cards").mkdir()
        (filled.event.path / "cards" / "cards.toml").write_text('format = "a5"')
        result = filled("print", "--out", str(filled.path / "b.pdf"), status=1)
        assert "cards.toml: format must be one of a6" in result.output
        assert not (filled.path / "b.pdf").exists()

    def test_print_without_badges(self, console: Console) -> None:
        out = str(console.path / "b.pdf")
        assert "run `hallkeeper issue`" in console("print", "--out", out, status=1).output

    def test_print_many_in_parts(self, filled: Console) -> None:
        result = filled("print", "--out", str(filled.path / "b.pdf"), "--per-file", "3")
        assert f"{filled.path / 'b-1.pdf'}: 3 of 4 badges\n" in result.stderr
        pages = []
        for part in (1, 2):
            with pypdfium2.PdfDocument(filled.path / f"b-{part}.pdf") as document:
                pages.append(len(document))
        assert pages == [3, 1]

    def test_nobody_else_may_read_what_is_printed(self, filled: Console) -> None:
        out = filled.path / "b.pdf"
        out.write_bytes(b"an earlier print")
        out.chmod(0o644)
        filled("print", "--out", str(out))
        assert out.stat().st_mode & 0o777 == 0o600
        assert out.read_bytes().startswith(b"%PDF")

    def test_what_can_not_be_written_leaves_nothing(self, filled: Console) -> None:
        out = filled.path / "no" / "b.pdf"
        result = filled("print", "--out", str(out), status=2)
        assert f"{out} can't be written: No such file or directory." in result.output

    def test_a_template_that_is_none(self, filled: Console) -> None:
        out = filled.path / "b.pdf"
        template = filled.file("mine.typ", "#let (")
        result = filled("print", "--out", str(out), "--template", template, status=1)
        assert "Error: the template: " in result.output
        assert not out.exists()

    def test_names_that_no_font_draws(self, filled: Console) -> None:
        people = "id,name,category\nB1,Ann \U00016ea0,vip\n,\U00016ea1\U00016ea0,vip\n"
        filled("import", filled.file("r.csv", people), "--missing", "keep")
        filled("issue")
        out = filled.path / "b.pdf"
        result = filled("print", "--out", str(out), "--per-file", "2", status=1)
        assert "nothing was printed:" in result.output
        assert "\n  'Ann " in result.output
        assert "' (id B1), badge " in result.output
        assert "(U+16EA1)" in result.output
        assert result.output.count("Install fonts that have them, on Debian fonts-noto-core") == 2
        assert "or print the other 4 badges with --skip-unprintable." in result.output
        assert not list(filled.path.glob("*.pdf"))

    def test_the_others_are_printed(self, filled: Console) -> None:
        filled(
            "import",
            filled.file("r.csv", "id,name,category\nB1,Ann \U00016ea0,vip\n"),
            "--missing",
            "keep",
        )
        filled("issue")
        out = filled.path / "b.pdf"
        result = filled("print", "--out", str(out), "--skip-unprintable")
        assert "Left out 'Ann " in result.stderr
        assert "' (id B1), badge " in result.stderr
        assert "(U+16EA0). Install fonts that have them, on Debian fonts-noto-core" in result.stderr
        assert "Left out 1 badge that no font can draw." in result.stderr
        assert f"4 badges in {out}." in result.stdout
        with pypdfium2.PdfDocument(out) as document:
            assert len(document) == 4

    def test_nobody_can_be_printed(self, filled: Console) -> None:
        filled(
            "import",
            filled.file("r.csv", "id,name,category\nB1,\U00016ea0,vip\n"),
            "--missing",
            "keep",
        )
        filled("issue")
        arguments = ("--out", str(filled.path / "b.pdf"), "--attendee", "B1", "--skip-unprintable")
        result = filled("print", *arguments, status=1)
        assert "nothing was printed:" in result.output
        assert "--skip-unprintable" not in result.output

    def test_an_event_whose_name_no_font_draws(
        self, filled: Console, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        drawn_by = fonts._family
        monkeypatch.setattr(fonts, "_family", lambda c, r: None if c == "☃" else drawn_by(c, r))
        settings = filled.event.path / "event.toml"
        text = settings.read_text("utf-8").replace("Harbour Forum", "Harbour ☃")
        settings.write_text(text, "utf-8")
        out = str(filled.path / "b.pdf")
        result = filled("print", "--out", out, "--skip-unprintable", status=1)
        assert "the event's name: no installed font draws" in result.output

    def test_the_revoked_are_not_printed(self, filled: Console) -> None:
        with Database(filled.event.database_path) as database:
            for external_id in ("A1", "A3"):
                serial = serial_of(database, external_id)
                database.write(
                    lambda db, serial=serial: issuing.revoke(
                        db, serial, reason="conduct", now=0, by="test"
                    )
                )
        out = filled.path / "some.pdf"
        acts = filled.rows("SELECT COUNT(*) FROM leaf")
        result = filled("print", "--out", str(out), "--attendee", "A1,A2,A3,A1", status=1)
        assert result.output == (
            "Error: nothing was printed, because these badges are revoked:\n"
            "  'Anna Keller' (id A1)\n"
            "  'Boris Novak' (id A3)\n"
            "Reinstate these attendees on their pages first, or leave them out.\n"
        )
        assert not out.exists()
        assert filled.rows("SELECT COUNT(*) FROM leaf") == acts
        filled("print", "--out", str(out), "--attendee", "A2")

    @pytest.mark.parametrize("label", ["A9", "00000", "x" * 1000])
    def test_nobody(self, filled: Console, label: str) -> None:
        result = filled("print", "--out", str(filled.path / "b.pdf"), "--attendee", label, status=1)
        assert "There is no attendee with the badge number or external id" in result.output

    def test_reissue(self, filled: Console) -> None:
        assert "Replaced 2 badges." in filled("reissue", "A1", "A2", "--reason", "lost").output
        query = "SELECT COUNT(*) FROM badge WHERE issue = 2"
        assert filled.rows(query) == [(2,)]
        filled("reissue", "A1", "A9", "--reason", "lost", status=1)
        assert filled.rows(query) == [(2,)]

    def test_several_transactions(self, console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("server.features.cards.commands.ISSUE_AT_ONCE", 2)
        console("import", console.file("r.csv", "name,category\nA,vip\nB,vip\nC,vip\n"))
        assert "Issued 3 badges." in console("issue").output
        acts = [body for (body,) in console.rows("SELECT body FROM leaf")]
        assert sum(b"badges_issued" in body for body in acts) == 2


class TestKiosks:
    def prove(self, console: Console, code: str, *, is_phone: bool = False) -> str:
        """Show the code as a device does; return its six words."""
        parsed = enrolment.parse_code(code)
        key = PrivateKey(os.urandom(32))
        proof = enrolment.proof(key, parsed.token)
        request = wire.EnrolRequest(
            parsed.token, key.public.raw, proof, device="phone" if is_phone else UNSET
        )
        with Database(console.event.database_path) as database:
            now = registry.kiosks(database.reader)[0].token_expires_at - 1
            database.write(lambda db: registry.enrol(db, console.event, request, now))
        return enrolment.six_words(key.public.raw, parsed.token)

    def test_from_code_to_retired(self, filled: Console) -> None:
        code = filled("kiosk", "add", "west", "h1-west").stdout.strip()
        assert enrolment.parse_code(code).spki_sha256 == filled.event.spki_sha256
        assert "waiting" in filled("kiosk", "list").output
        assert "enter the code there first" in filled("kiosk", "confirm", "west", status=1).output
        words = self.prove(filled, code)
        assert words in filled("kiosk", "list").output
        refused = filled("kiosk", "confirm", "west", typed="n\n", status=1)
        assert words in refused.output
        assert "proven" in filled("kiosk", "list").output
        assert "may admit people now" in filled("kiosk", "confirm", "west", typed="y\n").output
        assert "west/1  h1-west (Hall 1)  active, never heard" in filled("kiosk", "list").output
        filled("kiosk", "retire", "west")
        assert "retired" in filled("kiosk", "list").output

    def test_a_phone(self, filled: Console) -> None:
        link = filled("kiosk", "add", "side", "h1-west", "--phone").stdout.strip()
        address, _, code = link.partition("/door/#")
        assert address == filled.event.settings.phones_at
        words = self.prove(filled, code, is_phone=True)
        assert words in filled("kiosk", "list").output
        filled("kiosk", "confirm", "side", "--yes")
        assert (
            "side/1  h1-west (Hall 1)  active phone, never heard" in filled("kiosk", "list").output
        )

    def test_none(self, console: Console) -> None:
        assert "There are no kiosks." in console("kiosk", "list").output

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (("add", "west", "nowhere"), "there is no door 'nowhere'; known doors: green-door"),
            (("add", "West!", "h1-west"), "is no name for a kiosk"),
            (("retire", "west"), "there is no kiosk 'west' at work"),
        ],
    )
    def test_what_can_not_be(
        self, filled: Console, arguments: tuple[str, ...], message: str
    ) -> None:
        assert message in filled("kiosk", *arguments, status=1).output


class TestUsers:
    def test_add_and_list(self, console: Console) -> None:
        password = console("user", "add", "Bob", "--role", "steward").output.split()[-1]
        assert console("user", "list").output == "admin  admin\nBob  steward\n"
        with Database(console.event.database_path) as database:
            assert sign_in(database, "Bob", password, now=0)[0].role == "steward"

    def test_a_new_password(self, console: Console, admin_password: str) -> None:
        password = console("user", "password", "admin").output.split()[-1]
        with Database(console.event.database_path) as database:
            with pytest.raises(users.SignInError):
                sign_in(database, "admin", admin_password, now=0)
            sign_in(database, "admin", password, now=0)
        assert "there is no user 'Eve'" in console("user", "password", "Eve", status=2).output

    def test_passwords_made_here_are_first_ones(self, console: Console) -> None:
        console("user", "add", "Bob", "--role", "steward")
        console("user", "password", "admin")
        with Database(console.event.database_path) as database:
            assert all(user.must_change for user in users.users(database.reader))

    def test_unlock(self, console: Console) -> None:
        output = console("user", "unlock", "ADMIN").output
        assert output == "admin may sign in from anywhere for 15 minutes.\n"
        with Database(console.event.database_path) as database:
            assert users.user(database.reader, 1).unlocked_at
        assert "there is no user 'Eve'" in console("user", "unlock", "Eve", status=2).output

    def test_a_lost_second_factor_goes_with_the_password(self, console: Console) -> None:
        with Database(console.event.database_path) as database:
            user, key = users.user(database.reader, 1), second_factors.sealing_key(b"k")
            secret = pyotp.random_base32()
            code = pyotp.TOTP(secret).at(1000)
            database.write(
                lambda db: second_factors.add_totp(db, key, user, secret, code, now=1_000_000)
            )
            assert users.user(database.reader, 1).has_factor
        password = console("user", "no-second-factor", "ADMIN").output.split()[-1]
        with Database(console.event.database_path) as database:
            verified = users.verify(database, "admin", password)
            assert (verified.has_factor, verified.must_change) == (False, True)
            assert second_factors.factors(database.reader, 1).recovery_codes == 0

    def test_twice(self, console: Console) -> None:
        result = console("user", "add", "ADMIN", "--role", "admin", status=1)
        assert "There is already a user called ADMIN." in result.output


class TestEntries:
    def test_a_file(self, filled: Console) -> None:
        out = filled.path / "entries.csv"
        assert filled("entries", "--csv", str(out), "--hall", "h1").output == f"Wrote {out}.\n"
        with out.open(encoding="utf-8-sig", newline="") as file:
            assert next(csv.reader(file))[:2] == ["number", "scanned_at"]

    def test_standard_output(self, filled: Console) -> None:
        assert "number,scanned_at" in filled("entries", "--csv", "-").output

    def test_what_is_not_there(self, filled: Console) -> None:
        result = filled("entries", "--csv", "-", "--door", "x", status=2)
        assert "there is no door 'x'; there are green-door, h1-west, main." in result.output
        result = filled("entries", "--csv", str(filled.path / "no" / "e.csv"), status=2)
        assert "can't be written" in result.output


class TestEvents:
    @pytest.mark.parametrize("command", ["issue", "kiosk list", "user list", "entries --csv -"])
    def test_no_event(self, tmp_path: Path, command: str) -> None:
        arguments = [*command.split(), "--event", str(tmp_path)]
        result = CliRunner().invoke(main, arguments)
        assert result.exit_code == 1
        assert "is not an event's directory" in result.output

    def test_the_services_event_is_the_default_where_none_is_here(
        self, event: Event, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("HALLKEEPER_EVENT_DIR", raising=False)
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr("server.console.SERVICE_EVENT", event.path)
        result = CliRunner().invoke(main, ["user", "list"])
        assert result.exit_code == 0
        assert "admin" in result.output
        monkeypatch.setattr("server.console.SERVICE_EVENT", tmp_path / "none" / "event")
        assert "is not an event's directory" in CliRunner().invoke(main, ["user", "list"]).output
        monkeypatch.chdir(event.path)
        assert CliRunner().invoke(main, ["user", "list"]).exit_code == 0

    @pytest.mark.parametrize("command", ["import", "restore"])
    def test_in_a_directory_of_another_user(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
    ) -> None:
        """As a home directory is to the service's user, with `sudo -u hallkeeper`."""
        (tmp_path / "here").mkdir()
        service = Path(tempfile.gettempdir(), "event")
        monkeypatch.setattr("server.console.SERVICE_EVENT", service)
        monkeypatch.chdir(tmp_path)
        tmp_path.chmod(0)
        user = os.geteuid()
        if user == 0:
            os.seteuid(65_534)  # root may search any directory
        try:
            assert default_event() == service
            result = CliRunner().invoke(main, [command, "here"])
            assert "this user may not open here. Copy it to where" in result.output
        finally:
            os.seteuid(user)
            tmp_path.chmod(0o700)

    @pytest.mark.sqlite_alone  # tests/server/storage/postgresql tests the other engine.
    def test_a_newer_version(self, console: Console) -> None:
        with sqlite3.connect(console.event.database_path) as connection:
            connection.execute(
                "INSERT INTO _sqlite_migrations (migration_set, name, applied_at)"
                " VALUES ('hallkeeper', 'm999_later', '')"
            )
        connection.close()
        result = console("issue", status=1)
        assert "this event was made by a newer Hallkeeper" in result.output

    @pytest.mark.sqlite_alone  # tests/server/storage/postgresql tests the other engine.
    def test_a_version_of_before_the_release(self, console: Console) -> None:
        with sqlite3.connect(console.event.database_path) as connection:
            connection.execute(
                "UPDATE _sqlite_migrations SET name = 'm001_people'"
                " WHERE migration_set = 'hallkeeper'"
            )
        connection.close()
        result = console("issue", status=1)
        assert "by a Hallkeeper from before 1.0" in result.output
        assert "make a new event with `hallkeeper init`" in result.output

    def test_a_misspelt_key(self, console: Console) -> None:
        settings = console.event.path / "event.toml"
        settings.write_text(settings.read_text("utf-8").replace("port", "prot"), "utf-8")
        assert "unknown key 'prot'; did you mean 'port'?" in console("issue", status=1).output

    def test_a_busy_database(self, filled: Console, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("server.storage.sqlite.engine.BUSY_TIMEOUT_MS", 50)
        if not filled.event.database_path.exists():
            monkeypatch.setattr("server.storage.postgresql.engine.LOCK_TIMEOUT_MS", 50)
        other = connect(filled.event.database_path)
        other.execute("BEGIN IMMEDIATE")
        result = filled("reissue", "A1", "--reason", "lost", status=1)
        assert "Kiosks     0 at work" in filled("status").output, "who only reads waits for nobody"
        other.execute("ROLLBACK")
        other.close()
        assert "another command is writing to this event; nothing was changed." in result.output


def commands(group: click.Group, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    paths = []
    for name, listed in group.commands.items():
        command = listed.loaded() if isinstance(listed, Later) else listed
        assert command.name == name
        paths.append((*path, name))
        if isinstance(command, click.Group):
            paths += commands(command, (*path, name))
    return paths


@pytest.mark.parametrize("path", [c for c in commands(main) if c != ("demo",)])
def test_every_command_explains_itself(path: tuple[str, ...]) -> None:
    result = CliRunner().invoke(main, [*path, "--help"])
    assert result.exit_code == 0
    assert "Usage: main" in result.output
    groups = {
        ("keys",),
        ("kiosk",),
        ("token",),
        ("certificate",),
        ("printer",),
        ("user",),
        ("mail",),
        ("wallet",),
        ("wallet", "install"),
        ("audit",),
        ("person",),
        ("retention",),
    }
    # Auditors and operators of a witness have no event.
    groups |= {("audit", "verify"), ("audit", "verify-receipt"), ("audit", "witness")}
    groups |= {("audit", "compare"), ("move",)}  # They name exports, and an event to move.
    if "[OPTIONS]" in result.output and path not in groups | {("init",), ("sample",)}:
        assert "--event DIR" in result.output


@pytest.mark.parametrize("name", sorted(SPOKEN))
def test_an_error_that_is_said_is_known_by_its_name(name: str) -> None:
    assert issubclass(resolve_name(name), Exception)


LOADED = """
import sys
from server.cli.main import main
try:
    main(sys.argv[1:], prog_name="hallkeeper")
finally:
    print(*sys.modules, file=sys.stderr)
"""


@pytest.mark.parametrize("words", [["--help"], ["status"]])
def test_a_command_loads_little_of_what_others_need(words: list[str], event: Event) -> None:
    """Users wait for each import of a command."""
    command = [sys.executable, "-c", LOADED, *words]
    environment = {**os.environ, "HALLKEEPER_EVENT_DIR": str(event.path)}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    loaded = set(done.stderr.split())
    others = {
        *("flask", "jinja2", "granian", "numpy", "sqlite_utils", "babel.messages", "PIL", "typst"),
        *("fontTools", "pypdfium2", "cv2", "openpyxl", "psycopg"),
    }
    assert loaded & others == set()
    if words == ["--help"]:
        assert "cryptography" not in loaded
        assert "  status " in done.stdout


def test_as_a_module() -> None:
    for module in ("server", "server.cli.main"):
        command = [sys.executable, "-m", module, "--version"]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        assert done.stdout.startswith("hallkeeper, version ")


def test_a_layout_of_pretix(console: Console) -> None:
    """It prints on its own paper, and the output lists its missing contents."""
    console("import", console.file("r.csv", "id,given name,family name,category\nA7,An,Li,press\n"))
    console("issue")
    area = {"left": "10.00", "bottom": "20.00", "content": "attendee_name", "width": "60.00",
            "fontsize": "20.0", "fontfamily": "Noto Sans", "bold": True, "italic": False,
            "align": "left", "color": [0, 0, 0, 1], "type": "textarea"}  # fmt: skip
    layout = console.file("badge.json", json.dumps([area, {**area, "content": "seat"}]))
    under = console.path / "badge.pdf"
    under.write_bytes(background("#eef4fb", "#ffffff", width=90, height=60))
    out = console.path / "b.pdf"
    output = console(
        "print", "--out", str(out), "--pretix-layout", layout, "--background", str(under)
    ).output
    assert "Area 2: there is nothing for seat here, and it stays empty." in output
    assert "No area has the badge's code" in output
    with pypdfium2.PdfDocument(out) as document:
        sizes = [[round(side / 72 * 25.4) for side in page.get_size()] for page in document]
        assert sizes == [[90, 60], [90, 60]]
        assert "An Li" in document[0].get_textpage().get_text_bounded()
    cards = console.event.path / "cards"
    cards.mkdir()
    shutil.copy(layout, cards / "badge.json")
    (cards / "cards.toml").write_text('pretix_layout = "badge.json"\nformat = "86x54"\n')
    console("print", "--out", str(out))
    with pypdfium2.PdfDocument(out) as document:
        assert [round(side / 72 * 25.4) for side in document[0].get_size()] == [86, 54]
    for arguments, why in (
        (["--background", str(under)], "--background goes with --pretix-layout"),
        (["--pretix-layout", layout, "--template", "x"], "leave one out"),
        (["--pretix-layout", str(under)], "is no JSON"),
    ):
        refused = CliRunner().invoke(
            main, ["print", "--event", str(console.event.path), "--out", str(out), *arguments]
        )
        assert refused.exit_code != 0
        assert why in refused.output


@pytest.mark.parametrize(
    ("found", "typed", "shown"),
    [
        (None, ".venv/bin/hallkeeper", ".venv/bin/hallkeeper serve --event '/srv/my forum'"),
        (
            "/usr/local/bin/hallkeeper",
            "/usr/local/bin/hallkeeper",
            "hallkeeper serve --event '/srv/my forum'",
        ),
    ],
)
def test_the_command_to_start_can_be_typed_as_it_is_shown(
    found: str | None, typed: str, shown: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: found)
    monkeypatch.setattr(sys, "argv", [typed, "init", "forum"])
    assert start_command(Path("/srv/my forum")) == shown
