"""docs/security.md matches the code: roles, limits, and each requirement once."""

import inspect
import re
from pathlib import Path

import pytest

from badges.limits import Backoff, Window
from server.core.entry_log import act_words
from server.core.event import directory, served
from server.core.event.directory import Event
from server.core.staff import (
    guesses,
    invitations,
    lane,
    passwords,
    sign_on,
    sign_on_accounts,
    signing_in,
    users,
)
from server.features.wallet import certificates
from server.storage.database import Database
from server.web import auth, security
from tests.server.support.pages import Pages

ROOT = Path(__file__).parents[3]
TEXT = (ROOT / "docs/security.md").read_text(encoding="utf-8")

# The requirements of levels 1 and 2 in ASVS 5.0.0, by section.
SECTIONS = {
    # 1.2.10, 1.3.12 and 1.5.3 are of level 3, and so are others that are missing below.
    "1.1": [1, 2], "1.2": list(range(1, 10)), "1.3": list(range(1, 12)), "1.4": [1, 2, 3],
    "1.5": [1, 2],
    "2.1": [1, 2, 3], "2.2": [1, 2, 3], "2.3": [1, 2, 3, 4], "2.4": [1],
    "3.2": [1, 2], "3.3": [1, 2, 3, 4], "3.4": [1, 2, 3, 4, 5, 6], "3.5": [1, 2, 3, 4, 5],
    "3.7": [1, 2],
    "4.1": [1, 2, 3], "4.2": [1], "4.3": [1, 2], "4.4": [1, 2, 3, 4],
    "5.1": [1], "5.2": [1, 2, 3], "5.3": [1, 2], "5.4": [1, 2, 3],
    "6.1": [1, 2, 3], "6.2": list(range(1, 13)), "6.3": [1, 2, 3, 4], "6.4": [1, 2, 3, 4],
    "6.5": [1, 2, 3, 4, 5], "6.6": [1, 2, 3], "6.8": [1, 2, 3, 4],
    "7.1": [1, 2, 3], "7.2": [1, 2, 3, 4], "7.3": [1, 2], "7.4": [1, 2, 3, 4, 5], "7.5": [1, 2],
    "7.6": [1, 2],
    "8.1": [1, 2], "8.2": [1, 2, 3], "8.3": [1], "8.4": [1],
    "9.1": [1, 2, 3], "9.2": [1, 2, 3, 4],
    # We are only a client. 10.2.3 is of level 3.
    "10.1": [1, 2], "10.2": [1, 2], "10.5": [1, 2, 3, 4, 5],
    "11.1": [1, 2], "11.2": [1, 2, 3], "11.3": [1, 2, 3], "11.4": [1, 2, 3, 4], "11.5": [1],
    "11.6": [1],
    "12.1": [1, 2, 3], "12.2": [1, 2], "12.3": [1, 2, 3, 4],
    "13.1": [1], "13.2": [1, 2, 3, 4, 5], "13.3": [1, 2], "13.4": [1, 2, 3, 4, 5],
    "14.1": [1, 2], "14.2": [1, 2, 3, 4], "14.3": [1, 2, 3],
    "15.1": [1, 2, 3], "15.2": [1, 2, 3], "15.3": list(range(1, 8)),
    "16.1": [1], "16.2": [1, 2, 3, 4, 5], "16.3": [1, 2, 3, 4], "16.4": [1, 2, 3],
    "16.5": [1, 2, 3],
    "17.1": [1], "17.2": [1, 2, 3, 4], "17.3": [1, 2],
}  # fmt: skip


def test_every_requirement_has_a_state() -> None:
    rows = re.findall(r"^\| (\d+\.\d+\.\d+) \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$", TEXT, re.M)
    assert [row[0] for row in rows] == [
        f"{key}.{n}" for key, all_ in SECTIONS.items() for n in all_
    ]
    assert {row[2] for row in rows} <= {"met", "partly", "not met yet", "n/a"}


def test_every_file_of_keys_is_in_the_inventory(event: Event) -> None:
    documented = {
        file.replace("badge-N", "badge-1") for file in re.findall(r"`keys/([\w.-]+)`", TEXT)
    }
    existing = {path.name for path in (event.path / "keys").iterdir()}
    written = {name for source in (directory, served, sign_on, certificates)
               for name in re.findall(r'"([a-z-]+\.(?:key|pem|json|secret|number))"',
                                      inspect.getsource(source))}  # fmt: skip
    assert existing - documented == set()
    assert written - documented == set()


def test_files_that_it_names_are_there() -> None:
    named = set(re.findall(r"`((?:server|tests|badges|docs)/[\w/.]+)`", TEXT))
    assert len(named) > 10
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_roles_are_those_of_the_views(event: Event, database: Database) -> None:
    documented = {}
    for routes, roles_cell in re.findall(r"^\| (`[A-Z]+ /[^|]*) \| ([^|]+) \|$", TEXT, re.M):
        roles = {"admin"} if roles_cell == "admin alone" else {*roles_cell.split(", "), "admin"}
        roles = {auth.EVERYBODY} if roles_cell == auth.EVERYBODY else roles
        for route in re.findall(r"`([^`]+)`", routes):
            assert route not in documented, f"{route} stands twice"
            documented[route] = roles
    with Pages(event, database) as pages, pages.app.test_request_context():
        real = {
            f"{method} {rule.rule}": set(auth.allowed_roles(rule.endpoint))
            for rule in pages.app.url_map.iter_rules()
            if not rule.rule.startswith("/api/")
            for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        }
    assert documented == real


@pytest.mark.parametrize("limit", [signing_in.HERE, signing_in.ADDRESS, signing_in.ACCOUNT])
def test_limits_are_those_of_the_code(limit: Backoff) -> None:
    row = f"| {limit.free} | {limit.first_ms // 1000} s | {limit.most_ms // 60_000} min |"
    assert row in TEXT


def test_other_figures_are_those_of_the_code() -> None:
    for sentence in (
        f"A lane has {lane.WAITING_MAX} that wait, {lane.WAITING_HERE_MAX} of one address,"
        f" for {lane.WAIT_S:.0f} s at most",
        f"within {signing_in.KNOWN_MS // 86_400_000} days, the {signing_in.KNOWN_MAX} newest",
        f"for {signing_in.UNLOCKED_MS // 60_000} minutes only the first row counts",
        f"have {passwords.CHARS_ALONE_MIN} to {passwords.CHARS_MAX} characters of any kind where",
        f"have {passwords.CHARS_MIN} to {passwords.CHARS_MAX} characters of any kind",
        f"ends {users.IDLE_MS // 3_600_000} hours after the last use and"
        f" {users.ABSOLUTE_MS // 3_600_000} hours after the sign-in",
        f"typed their password within {users.CONFIRMED_MS // 60_000} minutes",
        f"and after {security.FORM_LIFE_S // 3600} hours",
        f"opens one page alone, for {users.WAITING_MS // 60_000} minutes",
        f"once, within {invitations.LIFE_MS // 3_600_000} hours",
        f"did within {sign_on.FRESH_S // 60} minutes",
        "200 an hour at most",
        ", ".join(passwords.CONTEXT),
    ):
        assert sentence in " ".join(TEXT.split()), sentence
    assert passwords.PIECES_MIN == 6
    assert "six pieces or more" in " ".join(TEXT.split())
    assert guesses.NOTES.limit == Window(200, 3_600_000)
    assert guesses.FORGET_MS == 3_600_000
    assert act_words.WHO.keys() == {"command-line", signing_in.NOBODY, sign_on_accounts.BY}
