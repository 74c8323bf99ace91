import os
import shutil
import sqlite3
import stat
from collections.abc import Callable
from dataclasses import fields, replace
from datetime import date
from pathlib import Path
from uuid import UUID

import pytest
from cryptography import x509

from badges.credential.credential import Credential, issue_credential, open_credential
from badges.credential.keys import open_ring
from server.app.new_event import init_event
from server.core.event.calendar import day_starts
from server.core.event.directory import Event, load_event
from server.core.event.settings import EventError, EventSettings, parse_settings, settings_text
from server.storage.database import Database
from server.storage.migrations import EmptyDatabaseError, NewerVersionError
from tests.server.conftest import NOW
from tests.server.support.signing import sign_in

HOUR = 3_600_000


def test_it_works(event: Event, database: Database, admin_password: str) -> None:
    user, _ = sign_in(database, "admin", admin_password, now=NOW)
    assert user.role == "admin"
    keys = [row[0] for row in database.reader.execute("SELECT code FROM category ORDER BY 1")]
    assert keys == ["delegate", "exhibitor", "press", "speaker", "staff", "vip", "visitor"]
    assert event.log_name == f"hallkeeper/{UUID(bytes=event.event_id)}"


def test_what_was_made_is_what_is_loaded(settings: EventSettings, tmp_path: Path) -> None:
    event, _ = init_event(tmp_path / "a", settings, now=NOW)
    assert load_event(tmp_path / "a") == event
    assert event.settings == settings


def test_same_randomness_gives_the_same_keys(settings: EventSettings, tmp_path: Path) -> None:
    def counting() -> Callable[[int], bytes]:
        drawn = iter(range(1, 100))
        return lambda size: bytes([next(drawn)]) * size

    first, password = init_event(tmp_path / "one", settings, random=counting(), now=NOW)
    two, same = init_event(tmp_path / "two", settings, random=counting(), now=NOW)
    assert (first.event_id, first.root_key.seed, password) == (
        two.event_id,
        two.root_key.seed,
        same,
    )
    secrets = {
        first.root_key.seed,
        first.log_key.seed,
        first.badge_keys[1].seed,
        first.phone_secret,
    }
    assert len(secrets) == 4


def test_badges_by_the_event_open_with_its_signed_ring(event: Event) -> None:
    ring = open_ring(event.root_key.public, event.signed_ring)
    text = issue_credential(
        event.badge_keys[event.issuing_key_id],
        event.event_id,
        Credential(serial=7, issue=1, category=1, valid_days=7, zones=1, key_id=1),
    )
    assert open_credential(ring, text).serial == 7
    starts = day_starts(event.settings)
    assert (ring.keys[1].not_before, ring.keys[1].not_after) == (starts[0], starts[-1])


def test_days_begin_at_local_midnight(settings: EventSettings) -> None:
    assert day_starts(settings) == tuple(1_777_824_000_000 + n * 24 * HOUR for n in range(4))


def test_a_day_of_a_clock_change_is_shorter(settings: EventSettings) -> None:
    berlin = replace(settings, time_zone="Europe/Berlin", first_day=date(2026, 3, 29), days=2)
    first, second, third = day_starts(berlin)
    assert (second - first, third - second) == (23 * HOUR, 24 * HOUR)


@pytest.mark.sqlite_alone
def test_secrets_are_private_and_unprinted(event: Event) -> None:
    for file in [*(event.path / "keys").iterdir(), event.database_path]:
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file.name
    printed = repr(event)
    for secret in (event.root_key.seed, event.phone_secret, event.log_key.seed):
        assert repr(secret) not in printed
        assert secret.hex() not in printed


def test_certificate_is_for_the_public_host(settings: EventSettings, tmp_path: Path) -> None:
    event, _ = init_event(tmp_path / "e", replace(settings, public_host="10.1.2.3"), now=NOW)
    certificate = x509.load_pem_x509_certificate(event.certificate_path.read_bytes())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert [str(ip) for ip in names.get_values_for_type(x509.IPAddress)] == [
        "10.1.2.3",
        "127.0.0.1",
    ]
    assert names.get_values_for_type(x509.DNSName) == ["localhost"]
    life = certificate.not_valid_after_utc - certificate.not_valid_before_utc
    assert 3650 <= life.days <= 3652
    assert certificate.not_valid_before_utc.timestamp() * 1000 < NOW


class TestInit:
    def test_refuses_a_directory_with_anything_in_it(
        self, settings: EventSettings, tmp_path: Path
    ) -> None:
        (tmp_path / "note.txt").write_text("mine")
        with pytest.raises(EventError, match="is not empty"):
            init_event(tmp_path, settings)
        assert [file.name for file in tmp_path.iterdir()] == ["note.txt"]

    def test_refuses_an_event(self, event: Event, settings: EventSettings) -> None:
        before = event.certificate_path.read_bytes()
        with pytest.raises(EventError, match="already holds an event"):
            init_event(event.path, settings)
        assert event.certificate_path.read_bytes() == before

    def test_refuses_a_file(self, settings: EventSettings, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        with pytest.raises(EventError, match="is a file"):
            init_event(tmp_path / "file", settings)

    @pytest.mark.parametrize("existed", [False, True])
    def test_leaves_nothing_behind_when_it_fails(
        self, settings: EventSettings, tmp_path: Path, existed: bool
    ) -> None:
        path = tmp_path / "event"
        if existed:
            path.mkdir()
        draws = iter([os.urandom(16), *[os.urandom(32)] * 4])
        with pytest.raises(StopIteration):  # the password is asked for after the keys
            init_event(path, settings, random=lambda size: next(draws))
        assert list(tmp_path.iterdir()) == ([path] if existed else [])
        assert not existed or list(path.iterdir()) == []


def edit(event: Event, old: str, new: str) -> None:
    file = event.path / "event.toml"
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new), encoding="utf-8")


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("time_zone =", "timezone =", "unknown key 'timezone'; did you mean 'time_zone'?"),
        ("port =", "colour =", "unknown key 'colour'"),
        ("[name]", "[names]", "unknown key 'names'; did you mean 'name'?"),
        ("Asia/Shanghai", "Asia/Atlantis", "time_zone must be a time zone by its IANA name"),
        ("Asia/Shanghai", "../../etc/passwd", "time_zone must be a time zone by its IANA name"),
        ("days = 3", "days = 17", "days must be the number of the event's days, 1 to 16"),
        ("days = 3", 'days = "3"', "days must be the number"),
        ("days = 3", "days = true", "days must be the number"),
        ("first_day = 2026-05-04", 'first_day = "4 May"', "first_day must be a date such as"),
        ("first_day = 2026-05-04", 'first_day = "2026-05-04"', "without quotation marks"),
        ("first_day = 2026-05-04", "first_day = 1926-05-04", "first_day must be a date such as"),
        ("first_day = 2026-05-04", "first_day = 2026-05-04T10:00:00", "first_day must be a date"),
        ("first_day = 2026-05-04", "", "lacks first_day: a date such as"),
        ("port = 8443", "port = 0", "port must be a port from 1 to 65535"),
        ('\nhost = "127.0.0.1"', '\nhost = "localhost"', ": host must be an address to listen on"),
        ('"localhost"', '"https://forum.example"', "public_host must be a host name or an address"),
        ('en = "Harbour Forum"', 'en = ""', "name must be the event's name by language"),
        ('en = "Harbour Forum"', f'en = "{"x" * 200}"', "name must be the event's name"),
        ("en = ", "de = ", "name must be the event's name by language"),
        ("days = 3", "days = ", "is not TOML"),
        (
            "# country = ",
            'country = "Atlantis"\n# ',
            "country must be the country where the event is",
        ),
        ("# country = ", 'country = "cn"\n# ', 'ISO 3166 code in capitals, such as "CN"'),
        (
            "# phone_address = ",
            'phone_address = "badges.example.org"\n# ',
            "where phones open a badge",
        ),
        ("# phone_address = ", 'phone_address = "https://a.example/b/"\n# ', "without more"),
        ("# proxy = ", 'proxy = "proxy.example"\n# ', "from which a reverse proxy asks"),
        ("webhooks_without_tls = false", 'webhooks_without_tls = "no"', "must be true or false"),
        ("log_lines = ", 'log_lines = "xml"\n# ', 'log_lines must be "text", or "json"'),
    ],
)
def test_settings_that_can_not_be(event: Event, old: str, new: str, problem: str) -> None:
    edit(event, old, new)
    with pytest.raises(EventError) as caught:
        load_event(event.path)
    assert problem in str(caught.value)
    assert "event.toml" in str(caught.value)


@pytest.mark.parametrize("key", [field.name for field in fields(EventSettings)])
def test_every_setting_is_checked_and_says_its_rule(settings: EventSettings, key: str) -> None:
    with pytest.raises(EventError, match=rf"^{key} must be \S.+\.$") as caught:
        replace(settings, **{key: ["never shown"]})
    assert "never shown" not in str(caught.value)


def test_settings_are_written_so_that_they_parse_back(settings: EventSettings) -> None:
    whole = replace(
        settings,
        host="127.0.0.1",
        port=1,
        backup_dir="/mnt/second disk/論壇",
        country="CN",
        phone_address="https://badges.example.org:444",
        proxy="::1",
        check_day_credentials=["press", "staff-2"],
        webhooks_without_tls=True,
        log_lines="json",
        alert_queue=200,
        alert_silent_s=90,
    )
    for written in (settings, whole):
        assert parse_settings(settings_text(written), "event.toml") == written


def test_settings_with_a_byte_order_mark(event: Event) -> None:
    file = event.path / "event.toml"
    file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes())
    assert load_event(event.path).settings == event.settings


def test_settings_in_utf_16(event: Event) -> None:
    file = event.path / "event.toml"
    file.write_bytes(file.read_text(encoding="utf-8").encode("utf-16"))
    with pytest.raises(EventError, match="not UTF-8"):
        load_event(event.path)


def test_a_name_with_quotes_survives(settings: EventSettings, tmp_path: Path) -> None:
    odd = replace(settings, name={"en": 'A "B" \\ C', "zh": "論壇 # 2026"})
    init_event(tmp_path / "e", odd, now=NOW)
    assert load_event(tmp_path / "e").settings == odd


@pytest.mark.sqlite_alone
@pytest.mark.parametrize(
    ("file", "data", "problem"),
    [
        ("keys/root.key", None, "is missing"),
        ("keys/log.key", b"12", "is damaged"),
        ("keys/phone.key", b"zz" * 32, "is damaged"),
        ("keys/event.id", b"\xff\xfe", "is damaged"),
        ("keys/badge-1.key", None, "has no badge-N.key"),
        ("keys/certificate.pem", b"not PEM", "missing or damaged"),
        ("hallkeeper.db", None, "is missing"),
        ("hallkeeper.db", b"not a database" * 1000, "can't be used as a database"),
        ("event.toml", None, "is not an event's directory"),
    ],
)
def test_a_damaged_event(event: Event, file: str, data: bytes | None, problem: str) -> None:
    if data is None:
        (event.path / file).unlink()
    else:
        (event.path / file).write_bytes(data)
    with pytest.raises(EventError, match=problem):
        load_event(event.path)


def test_a_key_that_others_can_read(event: Event) -> None:
    (event.path / "keys" / "root.key").chmod(0o640)
    with pytest.raises(EventError, match="chmod 600"):
        load_event(event.path)


def test_a_badge_key_with_a_wrong_name(event: Event) -> None:
    keys = event.path / "keys"
    shutil.copy(keys / "badge-1.key", keys / "badge-new.key")
    with pytest.raises(EventError, match="badge-N.key"):
        load_event(event.path)


@pytest.mark.sqlite_alone
def test_an_empty_file_is_no_event(event: Event) -> None:
    """A failing disk may leave one, and so does a server whose file was deleted."""
    event.database_path.write_bytes(b"")
    for _ in range(2):
        with pytest.raises(EmptyDatabaseError, match="is empty.*`hallkeeper restore`"):
            load_event(event.path)


@pytest.mark.sqlite_alone
def test_an_event_of_a_newer_version(event: Event) -> None:
    with sqlite3.connect(event.database_path) as connection:
        connection.execute(
            "INSERT INTO _sqlite_migrations (migration_set, name, applied_at)"
            " VALUES ('hallkeeper', 'm999_later', '2030-01-01')"
        )
    connection.close()
    with pytest.raises(NewerVersionError, match="newer Hallkeeper"):
        load_event(event.path)
