"""Accounts in Chromium: passkeys by a virtual authenticator, and sign-on by an identity provider on
this machine. The server is real, with a certificate that the browser trusts.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from server.core.event.directory import load_event
from server.core.event.settings import settings_text
from server.core.staff import sign_on, users
from server.demo.forum.forum import noon_zone
from tests.browser.attendee.phones import Phone, serve_trusted, venue
from tests.browser.organiser import Organiser
from tests.server.support.authority import Authority
from tests.server.support.identity import CLIENT, IdentityProvider
from tests.server.support.identity import provider as provider
from tests.system.support.site import Ground, LiveSite, now_ms, site

# The provider is third-party code, and uses deprecated parts of its library.
pytestmark = [pytest.mark.filterwarnings("ignore:get_jwt_config:DeprecationWarning")]

PASSWORD = "otter violin gravel seven"


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority(now_ms())


@pytest.fixture(scope="module")
def place(
    tmp_path_factory: pytest.TempPathFactory, authority: Authority, provider: IdentityProvider
) -> Iterator[LiveSite]:
    _, day = noon_zone(now_ms())
    days = [str(day + timedelta(days=n)) for n in range(2)]
    ground = Ground(host="localhost", listens="127.0.0.1")
    with site(tmp_path_factory.mktemp("forum"), venue(days), 2, ground) as forum:
        secret = forum.event.path / "keys" / sign_on.SECRET_FILE
        secret.write_text("a secret of the client")
        secret.chmod(0o600)
        settings = replace(
            forum.event.settings, sign_on_issuer=provider.issuer, sign_on_client=CLIENT,
            sign_on_name="Forum ID", sign_on_roles={"forum-admins": "admin", "ushers": "steward"},
            second_factor_roles=["auditor"],
        )  # fmt: skip
        (forum.event.path / "event.toml").write_text(settings_text(settings), "utf-8")
        forum.event = load_event(forum.event.path)
        serve_trusted(forum, authority)
        yield forum


@pytest.fixture(scope="module")
def phone(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> Iterator[Phone]:
    opened = Phone(tmp_path_factory.mktemp("phone"), authority)
    yield opened
    opened.close()


@pytest.fixture
def window(phone: Phone, place: LiveSite, provider: IdentityProvider) -> Iterator[Organiser]:
    """No user is signed in there, and it has no authenticator."""
    address = f"https://localhost:{place.port}"
    phone.as_new(address, provider.issuer)
    try:
        yield Organiser(phone.browser, address)
        assert phone.log() == []
    finally:
        if phone.browser.virtual_authenticator_id:
            phone.browser.remove_virtual_authenticator()


def add_user(place: LiveSite, name: str, role: str) -> None:
    hashed = users.hash_password(PASSWORD)
    place.write(lambda db: users.add_user(db, name, role, hashed, by="test", now=now_ms()))


def sign_in(window: Organiser, name: str) -> None:
    window.go("/admin/sign-in")
    window.fill(name=name, password=PASSWORD)
    window.press("Sign in")


def with_authenticator(window: Organiser) -> None:
    from selenium.webdriver.common.virtual_authenticator import VirtualAuthenticatorOptions

    options = VirtualAuthenticatorOptions(has_user_verification=True, is_user_verified=True)
    window.browser.add_virtual_authenticator(options)


def test_a_passkey_is_made_and_then_asked_for(window: Organiser, place: LiveSite) -> None:
    add_user(place, "Lin", "auditor")
    with_authenticator(window)
    sign_in(window, "Lin")
    window.says("Your role needs a second factor")
    window.shot("accounts-factors")
    window.fill(name="Virtual key")
    window.press("Add a passkey")
    window.says("The passkey is set up", "Recovery codes", "Virtual key")
    window.shot("accounts-recovery")
    window.go("/admin/acts")
    window.press("Sign out")
    sign_in(window, "Lin")
    window.says("The password was right. Show that it is you.")
    window.shot("accounts-ask")
    window.go("/admin/acts")
    window.says("Second factor")
    window.press("Use a passkey")
    window.go("/admin/acts")
    window.says("Set up a second factor")
    (used,) = place.query("SELECT used_at FROM passkey")
    assert used[0] is not None


def test_another_authenticator_opens_nothing(window: Organiser, place: LiveSite) -> None:
    add_user(place, "Mei", "auditor")
    with_authenticator(window)
    sign_in(window, "Mei")
    window.fill(name="First key")
    window.press("Add a passkey")
    window.go("/admin/acts")
    window.press("Sign out")
    window.browser.remove_virtual_authenticator()
    with_authenticator(window)
    sign_in(window, "Mei")
    window.browser.execute_script(
        "document.querySelector('[data-passkey]').dataset.options ="
        " document.querySelector('[data-passkey]').dataset.options"
        ".replace('\"timeout\": 60000', '\"timeout\": 2000')"
    )
    window.at("[data-passkey] button").click()
    window.wait("the refusal", lambda: "The passkey was not used" in window.text)
    window.go("/admin/acts")
    window.says("Second factor")


def test_an_identity_provider_signs_on_in_the_browser(
    window: Organiser, place: LiveSite, provider: IdentityProvider
) -> None:
    provider.user("noor-1", name="Noor", groups=["others", "ushers"])
    window.go("/admin/kiosks/")
    window.shot("accounts-sign-in")
    window.go("/admin/sign-in?next=/admin/account/")
    window.follow("Sign in with Forum ID")
    assert window.browser.current_url.startswith(provider.issuer)
    window.browser.find_element("css selector", "input[name=sub]").send_keys("noor-1")
    window.browser.find_element("css selector", "form button").click()
    window.wait(
        "our page", lambda: window.browser.current_url == f"{window.address}/admin/account/"
    )
    window.says("Your account", "Noor")
    window.go("/admin/users/")
    window.says("Not for your role")
    query = "SELECT role, signed_on FROM staff_user WHERE name = 'Noor'"
    assert place.query(query) == [("steward", 1)]


def test_a_user_without_a_role_reads_why(window: Organiser, provider: IdentityProvider) -> None:
    provider.user("eve-1", name="Eve", groups=["others"])
    window.go("/admin/sign-in")
    window.follow("Sign in with Forum ID")
    window.browser.find_element("css selector", "input[name=sub]").send_keys("eve-1")
    window.browser.find_element("css selector", "form button").click()
    window.wait("our page", lambda: window.browser.current_url.startswith(window.address))
    window.says("Forum ID knows you as Eve, but you have no role")
    window.shot("accounts-no-role")
