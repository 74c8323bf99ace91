"""What no request may slip past: other methods than GET, forms that have grown old, codes too."""

import os
import time
from collections.abc import Iterator

import itsdangerous
import pytest

from badges.credential.keys import PrivateKey
from badges.wire import wire
from badges.wire.enrolment import proof
from server.event.directory import Event
from server.kiosks import registry
from server.storage.database import Database
from server.web import security
from tests.server.conftest import NOW
from tests.server.support.pages import ROLES, Pages

ADMINS = "/admin/users/"  # for admins alone


@pytest.fixture
def pages(event: Event, site: Database) -> Iterator[Pages]:
    with Pages(event, site) as opened:
        yield opened


def test_a_head_request_is_asked_for_its_role_too(pages: Pages) -> None:
    for role in ROLES:
        answer = pages.staff(role).client.head(ADMINS, base_url="https://localhost")
        assert answer.status_code == (200 if role == "admin" else 403), role
    stranger = pages.stranger().client.head(ADMINS, base_url="https://localhost")
    assert stranger.status_code in (303, 401)


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "TRACE", "NONSENSE"])
def test_other_methods_do_nothing(pages: Pages, method: str) -> None:
    admin = pages.staff("admin")
    answer = admin.client.open(ADMINS, method=method, base_url="https://localhost")
    assert answer.status_code in (400, 405)


class TestForms:
    LIFE_S = 12 * 3600

    @pytest.fixture
    def later(self, monkeypatch: pytest.MonkeyPatch):
        """Form tokens are dated by the machine's clock."""

        def move(seconds: float) -> None:
            at = int(time.time() + seconds)
            monkeypatch.setattr(itsdangerous.TimestampSigner, "get_timestamp", lambda _: at)

        return move

    def add(self, pages: Pages, someone, token: str):
        return someone.client.post(
            "/admin/kiosks/add",
            data={"kiosk": "west-1", "door": "main", "csrf_token": token},
            base_url="https://localhost",
            headers={"Referer": "https://localhost/"},
        )

    def test_one_that_is_too_old_changes_nothing(self, pages: Pages, later) -> None:
        admin = pages.staff("admin")
        token = admin.form_token()
        later(self.LIFE_S + 60)
        answer = self.add(pages, admin, token)
        assert answer.status_code == 400
        assert "This form is too old" in answer.text
        assert registry.kiosks(pages.database.reader) == []

    def test_one_of_the_same_shift_works(self, pages: Pages, later) -> None:
        admin = pages.staff("admin")
        token = admin.form_token()
        later(self.LIFE_S - 60)
        assert self.add(pages, admin, token).status_code < 400
        assert len(registry.kiosks(pages.database.reader)) == 1

    def test_another_person_s_token_is_none(self, pages: Pages) -> None:
        token = pages.staff("admin").form_token()
        assert self.add(pages, pages.staff("admin"), token).status_code == 400

    def test_the_setting(self, pages: Pages) -> None:
        assert security.FORM_LIFE_S == self.LIFE_S == pages.app.config["WTF_CSRF_TIME_LIMIT"]


def shown(event: Event, database: Database) -> wire.EnrolRequest:
    """What a new kiosk shows, which has just proven its key."""
    key = PrivateKey(bytes(32))

    def add(db):
        return registry.add_kiosk(
            db, event, "west", "main", address=("localhost", 8443), by="user:1", now=NOW,
            random=os.urandom,
        )  # fmt: skip

    code = database.write(add)
    asked = wire.EnrolRequest(code.token, key.public.raw, proof(key, code.token))
    database.write(lambda db: registry.enrol(db, event, asked, NOW + 1))
    assert registry.kiosks(database.reader)[0].state == "proven"
    return asked


def test_a_code_that_was_shown_ends_in_time_all_the_same(event: Event, site: Database) -> None:
    """Who has shown the code, and was not confirmed, may not come back with it hours later."""
    asked, end = shown(event, site), NOW + registry.CODE_LIFE_MS
    assert not site.write(lambda db: registry.enrol(db, event, asked, end - 1)).confirmed
    with pytest.raises(registry.EnrolError) as caught:
        site.write(lambda db: registry.enrol(db, event, asked, end))
    assert caught.value.code == "code_expired"


def test_a_confirmed_kiosk_may_ask_for_its_identity_later(event: Event, site: Database) -> None:
    """Its answer may have been lost: the code ends for strangers, not for it."""
    asked = shown(event, site)
    site.write(lambda db: registry.confirm(db, event, "west", by="user:1", now=NOW))
    late = NOW + 2 * registry.CODE_LIFE_MS
    assert site.write(lambda db: registry.enrol(db, event, asked, late)).confirmed
