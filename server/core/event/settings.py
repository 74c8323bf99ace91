"""Reads and writes the settings of an event in `event.toml`.

A setting's type is its check, and `rule` describes it for people (see badges/settings_check.py).
"""

import ipaddress
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import date
from typing import Annotated
from zoneinfo import ZoneInfo

from msgspec import Meta

from badges.i18n import Spoken
from badges.roster.countries import codes
from badges.settings_check import SettingsError, check_values, read_settings, rule
from badges.transparency.signed_note import NoteError
from badges.transparency.witnessing import read_witness_key
from server.core.outgoing.addresses import is_url
from server.storage.disk import AwayError

DAYS_MAX = 16  # the credential has one bit for each
NAME_CHARS_MAX = 120
LANGUAGES = ("en", "zh")
ROLES = ("steward", "supervisor", "badge_desk", "admin", "auditor", "protocol")  # of users
_SETTINGS_CHARS_MAX = 100_000
_CATEGORY_KEY = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")


class EventError(Spoken):
    """Raised if the event can't be created or opened."""


class AwaitedError(EventError, AwayError):
    """Raised if the event can't be opened yet, because its database is unavailable or busy."""


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        return False
    return True


def is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _witness(key: str) -> str:
    """Return the name of the witness with this verifier key, or "" if the key is invalid."""
    try:
        return read_witness_key(key)[0]
    except NoteError:
        return ""


_ISSUER = r"\A(?:https://[^/?#\s]+|http://(?:localhost|127\.0\.0\.1)(?::\d+)?)(?:/[^?#\s]*)?\Z"
_Language = Annotated[str, Meta(pattern=rf"\A(?:{'|'.join(LANGUAGES)})\Z")]
_Name = Annotated[str, Meta(pattern=r"\S", max_length=NAME_CHARS_MAX)]
_Directory = Annotated[str, Meta(pattern=r"\S", max_length=1000)]


@dataclass(frozen=True)
class EventSettings:
    """The contents of `event.toml`. Raises EventError for an invalid value."""

    name: Annotated[
        dict[_Language, _Name],
        Meta(min_length=1),
        rule(
            'the event\'s name by language, as en = "…", zh = "…", each up to '
            f"{NAME_CHARS_MAX} characters",
            holds=lambda names: all(text.isprintable() for text in names.values()),
        ),
    ]
    # The event's days begin at midnight in this zone.
    time_zone: Annotated[
        str, rule('a time zone by its IANA name, such as "Asia/Shanghai"', holds=_is_zone)
    ]
    first_day: Annotated[
        date,
        rule(
            "a date such as 2026-05-04, without quotation marks",
            holds=lambda day: 2000 <= day.year < 2100,
        ),
    ]
    days: Annotated[
        int, Meta(ge=1, le=DAYS_MAX), rule(f"the number of the event's days, 1 to {DAYS_MAX}")
    ]
    # The server's name for kiosks and phones.
    public_host: Annotated[
        str,
        Meta(pattern=r"\A(?:[A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])\Z"),
        rule("a host name or an address, without https:// and without a port"),
    ] = "localhost"
    host: Annotated[
        str,
        Meta(pattern=r"\A[A-Za-z0-9.:-]{1,253}\Z"),
        rule('an address to listen on, such as "0.0.0.0" or "127.0.0.1"', holds=is_address),
    ] = "0.0.0.0"  # noqa: S104 - kiosks reach it from the venue's network
    port: Annotated[int, Meta(ge=1, le=65_535), rule("a port from 1 to 65535")] = 8443
    # None disables backups.
    backup_dir: Annotated[
        _Directory | None,
        rule(
            'a directory on a second disk, such as "/mnt/second/forum"',
            holds=lambda path: path is None or path.isprintable(),
        ),
    ] = None
    # A restic repository to which each backup in backup_dir is sent, or None.
    backup_repository: Annotated[
        _Directory | None,
        rule(
            'a restic repository, such as "sftp:backup@nas:/srv/forum"',
            holds=lambda address: address is None or address.isprintable(),
        ),
    ] = None

    # Authorities of this country count as national, others as foreign.
    country: Annotated[
        str | None,
        rule(
            'the country where the event is, by its ISO 3166 code in capitals, such as "CN"',
            holds=lambda code: code is None or code in codes(),
        ),
    ] = None

    # Day credentials for which doors ask for an ID: all, or those of these categories.
    check_day_credentials: Annotated[
        list[str],
        rule(
            'a list of category keys, such as ["press", "staff"], or ["all"]',
            holds=lambda keys: len(keys) <= 256 and all(map(_CATEGORY_KEY.fullmatch, keys)),
        ),
    ] = field(default_factory=list)

    # Whether the badge desk takes photos, if the cards' settings name a folder for them.
    desk_photo: Annotated[bool, rule("true or false")] = False

    # None: phones use the same address as kiosks.
    phone_address: Annotated[
        Annotated[
            str,
            Meta(
                pattern=r"\Ahttps://(?:[A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::\d{1,5})?\Z"
            ),
        ]
        | None,
        rule('where phones open a badge, such as "https://badges.example.org", without more'),
    ] = None
    # The only address whose forwarded client addresses are trusted.
    proxy: Annotated[
        str | None,
        rule(
            'the address from which a reverse proxy asks this server, such as "127.0.0.1"',
            holds=lambda text: text is None or is_address(text),
        ),
    ] = None

    # Otherwise webhooks need https, except to this computer.
    webhooks_without_tls: Annotated[bool, rule("true or false, without quotation marks")] = False
    # Format of the log on standard error.
    log_lines: Annotated[
        str, Meta(pattern=r"\A(?:text|json)\Z"), rule('"text", or "json" for one object a line')
    ] = "text"

    # Users with these roles must set up a second factor first.
    second_factor_roles: Annotated[
        list[str],
        rule(
            f'a list of roles, such as ["admin"]; the roles are {", ".join(ROLES)}',
            holds=lambda roles: len(set(roles)) == len(roles) and set(roles) <= set(ROLES),
        ),
    ] = field(default_factory=list)

    # An OpenID Connect identity provider, or None.
    sign_on_issuer: Annotated[
        Annotated[str, Meta(pattern=_ISSUER, max_length=1000)] | None,
        rule(
            'the identity provider\'s issuer, such as "https://login.example.org/realm"; http://'
            " is for this computer alone"
        ),
    ] = None
    sign_on_client: Annotated[
        Annotated[str, Meta(pattern=r"\A[!-~]+\Z", max_length=500)] | None,
        rule("the client's id that the identity provider gave, beside sign_on_issuer"),
    ] = None
    sign_on_name: Annotated[
        _Name, rule("what staff call the identity provider", holds=str.isprintable)
    ] = "single sign-on"
    sign_on_claim: Annotated[
        str,
        Meta(pattern=r"\A[!-~]+\Z", max_length=500),
        rule('the claim that has the groups of a user, such as "groups"'),
    ] = "groups"
    # Roles by the claim's values, in order of precedence.
    sign_on_roles: Annotated[
        dict[str, str],
        rule(
            f'a role by each value of the claim, as "forum-admins" = "admin"; the roles are'
            f" {', '.join(ROLES)}",
            holds=lambda roles: set(roles.values()) <= set(ROLES) and len(roles) <= 256,
        ),
    ] = field(default_factory=dict)

    # Witnesses that cosign the log's checkpoints (C2SP tlog-witness): verifier keys by address.
    # They see only hashes.
    witnesses: Annotated[
        dict[str, str],
        rule(
            "a witness's verifier key by its address, as"
            ' "https://witness.example.org" = "name+mark+key", up to 16',
            holds=lambda keys: (
                len(keys) <= 16
                and all(map(is_url, keys))
                and len(set(map(_witness, keys.values())) - {""}) == len(keys)
            ),
        ),
    ] = field(default_factory=dict)
    # A time-stamping authority for checkpoints (RFC 3161), or None.
    time_authority: Annotated[
        str | None,
        rule(
            'the address of a time-stamping authority, such as "https://tsa.example.org/tsr"',
            holds=lambda text: text is None or is_url(text),
        ),
    ] = None
    time_authority_ca: Annotated[
        _Directory | None,
        rule(
            "a file with the authority's root certificate, and those between, as PEM",
            holds=lambda path: path is None or path.isprintable(),
        ),
    ] = None
    time_authority_policy: Annotated[
        Annotated[str, Meta(pattern=r"\A[0-2](?:\.(?:0|[1-9][0-9]{0,9})){1,20}\Z")] | None,
        rule('the policy that each stamp must be of, as numbers such as "1.3.6.1.4.1.13762.3"'),
    ] = None

    # Thresholds of the board's alerts.
    alert_silent_s: Annotated[int, Meta(ge=30, le=3_600), rule("seconds from 30 to 3600")] = 30
    alert_facts_age_s: Annotated[int, Meta(ge=5, le=86_400), rule("seconds from 5 to 86400")] = 60
    alert_queue: Annotated[int, Meta(ge=1, le=100_000), rule("scans from 1 to 100000")] = 50
    alert_pictures_per_second: Annotated[
        int, Meta(ge=0, le=60), rule("pictures a second from 0 to 60")
    ] = 5
    alert_read_percent: Annotated[int, Meta(ge=0, le=100), rule("percent from 0 to 100")] = 50
    alert_battery_percent: Annotated[int, Meta(ge=0, le=100), rule("percent from 0 to 100")] = 20
    alert_hall_percent: Annotated[int, Meta(ge=10, le=100), rule("percent from 10 to 100")] = 90
    alert_print_wait_s: Annotated[int, Meta(ge=10, le=3_600), rule("seconds from 10 to 3600")] = 120
    alert_mails_failed: Annotated[
        int, Meta(ge=1, le=2_000), rule("mails of a day from 1 to 2000")
    ] = 10
    alert_webhook_min: Annotated[int, Meta(ge=1, le=1_440), rule("minutes from 1 to 1440")] = 15
    alert_certificate_days: Annotated[int, Meta(ge=1, le=365), rule("days from 1 to 365")] = 30
    alert_second_factor: Annotated[bool, rule("true or false")] = True

    def __post_init__(self) -> None:
        try:
            check_values(EventSettings, vars(self))
        except SettingsError as error:
            raise EventError(str(error)) from None
        if self.sign_on_issuer is not None and not (self.sign_on_client and self.sign_on_roles):
            raise EventError("sign_on_issuer needs sign_on_client and [sign_on_roles] beside it.")
        if self.backup_repository is not None and self.backup_dir is None:
            raise EventError("backup_repository needs backup_dir beside it.")
        if self.time_authority is not None and self.time_authority_ca is None:
            raise EventError("time_authority needs time_authority_ca beside it.")

    @property
    def public_address(self) -> str:
        """Return `https://host:port` for kiosks and phones."""
        return f"https://{self.public_host}:{self.port}"

    @property
    def phones_at(self) -> str:
        return self.phone_address or self.public_address


def parse_settings(text: str, place: str) -> EventSettings:
    """Raises EventError with `place`, the key at fault, and the remedy."""
    if len(text) > _SETTINGS_CHARS_MAX:
        raise EventError(f"{place} is too long to be an event's settings.")
    try:
        return read_settings(EventSettings, text, place)
    except SettingsError as error:
        raise EventError(str(error)) from None


def settings_text(settings: EventSettings) -> str:
    name = "\n".join(f"{key} = {quoted(text)}" for key, text in settings.name.items())
    country = _or_example("country", settings.country, "CN")
    asked = _or_example("check_day_credentials", settings.check_day_credentials, ["all"])
    factors = _or_example("second_factor_roles", settings.second_factor_roles, ["admin"])
    sign_on = _sign_on_text(settings)
    alerts = "\n".join(_alert(settings, *alert) for alert in _ALERTS)
    roles = _table_text("sign_on_roles", settings.sign_on_roles)
    witnesses = _table_text("witnesses", settings.witnesses)
    return f"""\
# The settings of this event. `hallkeeper serve` reads them when it starts.

# The event's days begin at midnight in this time zone; a badge is valid on whole days.
time_zone = {quoted(settings.time_zone)}
first_day = {settings.first_day.isoformat()}
days = {settings.days}  # 1 to {DAYS_MAX}

# The country of the event (ISO 3166). Government departments of other countries count as foreign.
{country}

# Categories whose day credentials need an ID check at doors, or "all".
{asked}

# Roles that need a second factor beside the password: an authenticator app or a passkey.
{factors}

# An identity provider (OpenID Connect) that signs users on: its issuer, the client's id (its secret
# is in keys/sign-on.secret), its name for staff, and the claim with a user's groups, to which
# [sign_on_roles] gives roles. See docs/security.md.
{sign_on}

{_addresses_text(settings)}

# Whether webhooks may go to other computers without TLS; and the log's lines, "text" or "json".
webhooks_without_tls = {"true" if settings.webhooks_without_tls else "false"}
log_lines = {quoted(settings.log_lines)}

# The address to listen on; "127.0.0.1" serves this computer alone.
host = {quoted(settings.host)}

{_backup_text(settings)}

# Whether the badge desk takes photos by webcam. cards/cards.toml names the folder for them.
desk_photo = {"true" if settings.desk_photo else "false"}

{_outside_text(settings)}

# Thresholds at which the board shows a trouble. Commented lines are the defaults.
{alerts}

[name]
{name}
{roles}{witnesses}"""


def _addresses_text(settings: EventSettings) -> str:
    phones = _or_example("phone_address", settings.phone_address, "https://badges.example.org")
    proxy = _or_example("proxy", settings.proxy, "127.0.0.1")
    return f"""\
# The name or address at which kiosks and phones reach this server. A kiosk keeps the address of its
# enrolment.
public_host = {quoted(settings.public_host)}
port = {settings.port}

# With a reverse proxy for phones and staff: its address for phones, and the IP address from which
# it connects. Kiosks connect to public_host directly.
{phones}
{proxy}"""


def _backup_text(settings: EventSettings) -> str:
    backup = _or_example("backup_dir", settings.backup_dir, "/mnt/second/forum")
    elsewhere = _or_example(
        "backup_repository", settings.backup_repository, "sftp:backup@nas:/srv/forum"
    )
    return f"""\
# A directory on a second disk: the event with its secrets is copied there every 5 minutes, and
# critical acts before they are confirmed. Without it the event is lost if this disk fails.
# See `hallkeeper restore --help`.
{backup}

# A restic repository elsewhere (a directory, sftp:…, s3:…) to which each of these copies is sent,
# encrypted. Its password is in keys/restic.password. See docs/backup.md.
{elsewhere}"""


def _outside_text(settings: EventSettings) -> str:
    lines = (
        _or_example("time_authority", settings.time_authority, "https://tsa.example.org/tsr"),
        _or_example("time_authority_ca", settings.time_authority_ca, "keys/tsa.pem"),
        _or_example("time_authority_policy", settings.time_authority_policy, "1.2.3.4.1"),
    )
    return "\n".join((
        "# The time-stamping authority of the entry log's checkpoints (RFC 3161): address, root",
        "# certificate and, if needed, policy. [witnesses] lists the witnesses that cosign",
        '# checkpoints, each as "https://address" = "verifier key". See docs/entry-log.md.',
        *lines,
    ))  # fmt: skip


def _table_text(name: str, table: Mapping[str, str]) -> str:
    if not table:
        return ""
    rows = (f"{quoted(key)} = {quoted(value)}" for key, value in table.items())
    return "\n".join(("", f"[{name}]", *rows, ""))


def _or_example(key: str, value: str | list[str] | None, example: str | list[str]) -> str:
    return f"{key} = {quoted(value)}" if value else f"# {key} = {quoted(example)}"


def _sign_on_text(settings: EventSettings) -> str:
    lines = []
    for key, shown in (
        ("sign_on_issuer", settings.sign_on_issuer or "https://login.example.org"),
        ("sign_on_client", settings.sign_on_client or "hallkeeper"),
        ("sign_on_name", settings.sign_on_name),
        ("sign_on_claim", settings.sign_on_claim),
    ):
        off = settings.sign_on_issuer is None and vars(settings)[key] == _DEFAULTS[key]
        lines.append(f"{'# ' if off else ''}{key} = {quoted(shown)}")
    return "\n".join(lines)


_DEFAULTS = {setting.name: setting.default for setting in fields(EventSettings)}
_ALERTS = (
    ("alert_silent_s", "a kiosk is silent for this many seconds, 30 or more"),
    ("alert_facts_age_s", "a door's facts are this many seconds old"),
    ("alert_queue", "a door has this many unsent scans"),
    ("alert_pictures_per_second", "a camera gives fewer pictures per second"),
    ("alert_read_percent", "a camera reads fewer percent of the codes in its pictures"),
    ("alert_battery_percent", "a kiosk's battery has fewer percent left"),
    ("alert_hall_percent", "this percentage of a hall's capacity is in use"),
    ("alert_print_wait_s", "a card waits for its printer for this many seconds"),
    ("alert_mails_failed", "this many mails failed within a day, or came back"),
    ("alert_webhook_min", "a webhook's receiver fails for this many minutes"),
    ("alert_certificate_days", "a certificate ends within this many days"),
    ("alert_second_factor", "an admin has no second factor (true or false)"),
)


def _alert(settings: EventSettings, name: str, words: str) -> str:
    value = getattr(settings, name)
    mark = "# " if value == _DEFAULTS[name] else ""
    text = str(value).lower()  # TOML's spelling of booleans
    return f"{mark}{name} = {text}  # {words}"


def quoted(text: str | list[str]) -> str:
    """Write a text or list as TOML. JSON of printable text is valid TOML."""
    return json.dumps(text, ensure_ascii=False)
