"""Sign-on by an identity provider, against a real provider on this machine."""

import base64
import hashlib
import socket
import threading
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import replace
from typing import Any

import pytest
import requests

from server.core.event.directory import Event
from server.core.event.settings import EventError, parse_settings, settings_text
from server.core.staff import sign_on, users
from server.storage.database import Database
from tests.server.conftest import MINUTE
from tests.server.support.identity import CLIENT, IdentityProvider, path_of, query
from tests.server.support.identity import provider as provider
from tests.server.support.pages import PASSWORD, Pages, Staff, acts
from tests.system.support.site import now_ms

# The provider is third-party code, and uses a deprecated part of its library.
pytestmark = pytest.mark.filterwarnings("ignore:get_jwt_config:DeprecationWarning")

ROLES = {"forum-admins": "admin", "forum-desk": "badge_desk", "ushers": "steward"}


def with_provider(event: Event, issuer: str, **more: object) -> Event:
    secret = event.path / "keys" / sign_on.SECRET_FILE
    secret.write_text("a secret of the client\n")
    secret.chmod(0o600)
    settings = replace(
        event.settings, sign_on_issuer=issuer, sign_on_client=CLIENT, sign_on_roles=ROLES,
        sign_on_name="Forum ID", **more,
    )  # fmt: skip
    return replace(event, settings=settings)


@pytest.fixture
def pages(event: Event, site: Database, provider: IdentityProvider) -> Iterator[Pages]:
    # Tokens end by the real time.
    with Pages(with_provider(event, provider.issuer), site, now=now_ms()) as opened:
        provider.asked.clear()
        yield opened


def go(someone: Staff, target: str = "/admin/sign-on/?next=/admin/account/") -> str:
    answer = someone.get(target)
    assert answer.status_code == 303, answer.text
    return answer.location


def enter(pages: Pages, provider: IdentityProvider, subject: str) -> tuple[Staff, Any]:
    someone = pages.stranger()
    back = provider.sign_in(go(someone), subject)
    return someone, someone.get(path_of(back))


def by_name(pages: Pages) -> dict[str, users.User]:
    return {user.name: user for user in users.users(pages.database.reader)}


def test_somebody_with_a_role_is_signed_on(pages: Pages, provider: IdentityProvider) -> None:
    provider.user("lin-1", name="Lin", groups=["others", "forum-desk", "ushers"])
    assert "Sign in with Forum ID" in pages.stranger().get("/admin/sign-in").text
    someone, answer = enter(pages, provider, "lin-1")
    assert answer.location == "/admin/account/"
    assert "Lin" in someone.get("/admin/account/").text
    assert by_name(pages)["Lin"].role == "badge_desk", "the first of the mapping"
    assert someone.get("/admin/badges/").status_code == 200
    assert acts(pages)[-2:] == ["user_added", "signed_in"]
    # Once more: the same account.
    enter(pages, provider, "lin-1")
    assert [name for name in by_name(pages) if name.startswith("Lin")] == ["Lin"]


def test_the_request_has_state_nonce_and_proof(pages: Pages, provider: IdentityProvider) -> None:
    provider.user("lin-2", name="Lin", groups=["ushers"])
    someone = pages.stranger()
    address = go(someone)
    asked = query(address)
    assert asked["response_type"] == "code"
    assert asked["code_challenge_method"] == "S256"
    assert asked["redirect_uri"] == "https://localhost:8443/admin/sign-on/back"
    assert len(asked["state"]) == len(asked["nonce"]) == 48
    assert query(go(pages.stranger()))["nonce"] != asked["nonce"]
    someone.get(path_of(provider.sign_in(address, "lin-2")))
    (form,) = provider.asked
    digest = hashlib.sha256(form["code_verifier"].encode()).digest()
    assert base64.urlsafe_b64encode(digest).decode().rstrip("=") == asked["code_challenge"]


def test_nobody_without_a_role_gets_in(pages: Pages, provider: IdentityProvider) -> None:
    for subject, groups in (("eve-1", ["others"]), ("eve-2", []), ("eve-3", "forum-admin")):
        provider.user(subject, name="Eve", groups=groups)
        someone, answer = enter(pages, provider, subject)
        assert answer.status_code == 403
        assert "Forum ID knows you as Eve, but you have no role" in answer.text
        assert someone.get("/admin/account/").status_code == 303
    assert "Eve" not in by_name(pages)
    assert acts(pages)[-1] == "sign_on_refused"


def test_the_role_follows_the_provider(pages: Pages, provider: IdentityProvider) -> None:
    provider.user("lin-3", name="Lin", groups=["forum-desk"])
    enter(pages, provider, "lin-3")
    provider.user("lin-3", name="Lin", groups=["ushers"])
    someone, _ = enter(pages, provider, "lin-3")
    assert by_name(pages)["Lin"].role == "steward"
    assert someone.get("/admin/badges/").status_code == 403


def test_a_name_opens_no_local_account(pages: Pages, provider: IdentityProvider) -> None:
    provider.user("eve-4", name="admin", groups=["ushers"])
    someone, _ = enter(pages, provider, "eve-4")
    assert by_name(pages)["admin (2)"].role == "steward"
    assert someone.get("/admin/users/").status_code == 403


def test_who_is_shut_out_here_stays_out(pages: Pages, provider: IdentityProvider) -> None:
    provider.user("lin-5", name="Lin", groups=["ushers"])
    someone, _ = enter(pages, provider, "lin-5")
    user_id = by_name(pages)["Lin"].user_id
    pages.database.write(lambda db: users.disable_user(db, user_id, by="test", now=pages.now))
    assert someone.get("/admin/account/").status_code == 303
    _, answer = enter(pages, provider, "lin-5")
    assert answer.status_code == 403
    assert "shut out here" in answer.text


def test_local_users_stay(pages: Pages) -> None:
    assert pages.staff("admin").get("/admin/users/").status_code == 200


def test_an_answer_for_another_browser_is_ignored(pages: Pages, provider: IdentityProvider) -> None:
    provider.user("lin-6", name="Lin", groups=["ushers"])
    mine, other = pages.stranger(), pages.stranger()
    back = path_of(provider.sign_in(go(mine), "lin-6"))
    assert other.get(back).status_code == 400, "no cookie"
    go(other)
    assert "belongs to another sign-in" in other.get(back).text
    assert mine.get(back).status_code == 303
    assert mine.get(back).status_code == 400, "once"
    assert provider.asked[1:] == []


def test_a_token_for_another_request_is_refused(pages: Pages, provider: IdentityProvider) -> None:
    """The nonce, issuer and receiver of a token signed by the provider."""
    provider.user("lin-7", name="Lin", groups=["ushers"])
    asker = sign_on.provider_of(pages.event)
    assert asker is not None
    back = "https://localhost:8443/admin/sign-on/back"
    for changed, begun_of in (
        (asker, lambda begun: replace(begun, nonce="another")),
        (replace(asker, client_id="somebody-else"), lambda begun: begun),
    ):
        begun = asker.begin(back)
        answer = query(provider.sign_in(begun.address, "lin-7"))
        with pytest.raises(sign_on.SignOnError, match="is not valid"):
            changed.finish(answer, begun_of(begun), back, now=pages.now)
    begun = asker.begin(back)
    answer = {**query(provider.sign_in(begun.address, "lin-7")), "iss": "https://evil.example"}
    with pytest.raises(sign_on.SignOnError, match="another provider"):
        asker.finish(answer, begun, back, now=pages.now)
    begun = asker.begin(back)
    answer = query(provider.sign_in(begun.address, "lin-7"))
    with pytest.raises(sign_on.SignOnError, match="is not valid"):
        asker.finish(answer, begun, back, now=pages.now + 2 * 3_600_000)


@pytest.mark.parametrize("status", [302, 307, 308])
def test_the_clients_secret_follows_no_redirect(
    pages: Pages, provider: IdentityProvider, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    """A provider that redirects us gets no second request."""
    asked: list[str] = []

    def send(session: requests.Session, request: requests.PreparedRequest, **more: object):
        asked.append(str(request.url))
        if not str(request.url).endswith("/token"):
            return original(session, request, **more)
        answer = requests.Response()
        answer.status_code, answer.url, answer.request = status, str(request.url), request
        answer.headers["Location"] = "https://elsewhere.example/token"
        answer._content = b""
        if more["allow_redirects"]:
            asked.append(answer.headers["Location"])
        return answer

    original = requests.Session.send
    provider.user("lin-7", name="Lin", groups=["ushers"])
    asker = sign_on.provider_of(pages.event)
    assert asker is not None
    back = "https://localhost:8443/admin/sign-on/back"
    begun = asker.begin(back)
    answer = query(provider.sign_in(begun.address, "lin-7"))
    monkeypatch.setattr(requests.Session, "send", send)
    with pytest.raises(sign_on.SignOnError, match="is not valid"):
        asker.finish(answer, begun, back, now=pages.now)
    assert [line for line in asked if "elsewhere" in line] == []
    assert sum(line.endswith("/token") for line in asked) == 1


def test_who_says_no_there_is_told(pages: Pages, provider: IdentityProvider) -> None:
    someone = pages.stranger()
    answer = someone.get(path_of(provider.sign_in(go(someone), "", deny=True)))
    assert answer.status_code == 400
    assert "Forum ID did not sign you in" in answer.text


def test_a_provider_that_is_away_stops_nobody_else(event: Event, site: Database) -> None:
    with Pages(with_provider(event, "http://localhost:9"), site) as pages:
        answer = pages.stranger().get("/admin/sign-on/")
        assert answer.status_code == 502
        assert "does not answer. Sign in with a password" in answer.text
        assert pages.staff("admin").get("/admin/users/").status_code == 200


class Endless:
    """A provider whose description never ends. It counts the bytes taken."""

    def __init__(self, piece: bytes, pause_s: float) -> None:
        self.piece, self.pause_s = piece, pause_s
        self.sent, self.over = 0, threading.Event()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.thread = threading.Thread(target=self.serve)
        self.thread.start()

    @property
    def issuer(self) -> str:
        return f"http://127.0.0.1:{self.listener.getsockname()[1]}"

    def serve(self) -> None:
        connection, _ = self.listener.accept()
        with connection, suppress(OSError):
            connection.recv(65_536)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n")
            while not self.over.wait(self.pause_s):
                self.sent += connection.send(self.piece)

    def close(self) -> None:
        self.over.set()
        self.thread.join()
        self.listener.close()


@pytest.mark.parametrize(
    ("piece", "pause_s"), [(b" " * 65_536, 0.0), (b" ", 0.01)], ids=["endless", "drop by drop"]
)
def test_a_provider_that_never_ends_its_answer_is_left(
    event: Event, site: Database, monkeypatch: pytest.MonkeyPatch, piece: bytes, pause_s: float
) -> None:
    """Its thread ends because the connection is cut, which the provider notices."""
    if pause_s:
        monkeypatch.setattr(sign_on, "WHOLE_S", 0.5)
    with closing(Endless(piece, pause_s)) as endless:
        with Pages(with_provider(event, endless.issuer), site) as pages:
            answer = pages.stranger().get("/admin/sign-on/")
            assert answer.status_code == 502
            assert "Forum ID does not answer" in answer.text
        endless.thread.join()
        assert endless.sent < 20_000_000


def test_without_a_provider_there_is_no_such_way(event: Event, site: Database) -> None:
    with Pages(event, site) as pages:
        assert pages.stranger().get("/admin/sign-on/").status_code == 404
        assert "sign-on" not in pages.stranger().get("/admin/sign-in").text


class TestStepUp:
    def test_the_provider_asks_again(self, pages: Pages, provider: IdentityProvider) -> None:
        provider.user("boss-1", name="Boss", groups=["forum-admins"])
        someone, _ = enter(pages, provider, "boss-1")
        assert someone.get("/admin/account/factors").status_code == 200
        pages.now += 20 * MINUTE
        target = someone.get("/admin/account/factors").location
        assert "identity provider" in someone.get(target).text
        address = go(someone, "/admin/sign-on/?fresh=1&next=/admin/account/factors")
        assert (query(address)["prompt"], query(address)["max_age"]) == ("login", "0")
        # An hour-old sign-in is not enough.
        old = {"name": "Boss", "groups": ["forum-admins"], "auth_time": pages.now // 1000 - 3600}
        provider.user("boss-1", **old)
        stale = someone.get(path_of(provider.sign_in(address, "boss-1")))
        assert "did not confirm that it has asked you again" in stale.text
        assert someone.get("/admin/account/factors").status_code == 303
        provider.user("boss-1", **{**old, "auth_time": pages.now // 1000 - 5})
        address = go(someone, "/admin/sign-on/?fresh=1&next=/admin/account/factors")
        answer = someone.get(path_of(provider.sign_in(address, "boss-1")))
        assert answer.location == "/admin/account/factors"
        assert someone.get("/admin/account/factors").status_code == 200

    def test_a_strangers_claims_are_ignored(self, pages: Pages, provider: IdentityProvider) -> None:
        for subject in ("boss-2", "boss-3"):
            provider.user(
                subject, name=subject, groups=["forum-admins"], auth_time=pages.now // 1000 + 1200
            )
            someone, _ = enter(pages, provider, subject)
        pages.now += 20 * MINUTE
        address = go(someone, "/admin/sign-on/?fresh=1&next=/admin/account/factors")
        answer = someone.get(path_of(provider.sign_in(address, "boss-2")))
        assert "A different user is signed in there" in answer.text
        assert someone.get("/admin/account/factors").status_code == 303


@pytest.mark.parametrize(("amr", "location"), [(["pwd"], "/admin/account/factors"), (["mfa"], "")])
def test_a_role_that_needs_two_factors_takes_the_providers_word(
    event: Event, site: Database, provider: IdentityProvider, amr: list[str], location: str
) -> None:
    strict = with_provider(event, provider.issuer, second_factor_roles=["steward"])
    with Pages(strict, site, now=now_ms()) as pages:
        provider.user(f"lin-{amr[0]}", name="Lin", groups=["ushers"], amr=amr)
        someone, _ = enter(pages, provider, f"lin-{amr[0]}")
        assert (someone.get("/admin/").location or "") == location


class TestSettings:
    def test_they_come_back_as_they_were_written(self, event: Event) -> None:
        settings = with_provider(event, "https://login.example.org/realm").settings
        assert parse_settings(settings_text(settings), "event.toml") == settings

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"sign_on_issuer": "http://login.example.org"}, "sign_on_issuer must be"),
            ({"sign_on_issuer": "https://x.example/?a=b"}, "sign_on_issuer must be"),
            ({"sign_on_client": None}, "needs sign_on_client"),
            ({"sign_on_roles": {}}, "needs sign_on_client and"),
            ({"sign_on_roles": {"a": "boss"}}, "sign_on_roles must be a role by each value"),
        ],
    )
    def test_that_can_not_be(self, event: Event, changes: dict[str, object], message: str) -> None:
        good = with_provider(event, "https://login.example.org").settings
        with pytest.raises(EventError, match=message):
            replace(good, **changes)

    def test_a_missing_or_public_secret_stops_the_start(self, event: Event, site: Database) -> None:
        configured = with_provider(event, "https://login.example.org")
        path = event.path / "keys" / sign_on.SECRET_FILE
        path.chmod(0o644)
        with pytest.raises(EventError, match="can be read by others"):
            sign_on.provider_of(configured)
        path.unlink()
        with pytest.raises(EventError, match="is missing or empty: write the client's secret"):
            sign_on.provider_of(configured)


def test_the_random_password_opens_nothing(pages: Pages, provider: IdentityProvider) -> None:
    provider.user("lin-9", name="Lin", groups=["ushers"])
    enter(pages, provider, "lin-9")
    someone = pages.stranger()
    answer = someone.post("/admin/sign-in", {"name": "Lin", "password": PASSWORD})
    assert answer.status_code == 401
    admin, user_id = pages.staff("admin"), by_name(pages)["Lin"].user_id
    page = admin.post(f"/admin/users/{user_id}/password").text
    assert "signed on by the identity provider, without a password" in page
