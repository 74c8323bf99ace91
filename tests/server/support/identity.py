"""An identity provider for tests on this machine: oidc-provider-mock, and its users."""

import io
import re
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from werkzeug.serving import make_server

CLIENT = "hallkeeper"


@dataclass
class IdentityProvider:
    """Runs at `issuer`. `asked` has the token requests of our server."""

    issuer: str
    asked: list[dict[str, str]] = field(default_factory=list)

    def user(self, subject: str, **claims: object) -> None:
        answer = requests.put(f"{self.issuer}/users/{subject}", json=claims, timeout=240)
        assert answer.status_code == 204

    def sign_in(self, address: str, subject: str, *, deny: bool = False) -> str:
        """Sign in as a browser does, and return the redirect's address."""
        page = requests.get(address, timeout=240)
        assert page.status_code == 200, page.text
        form = {"action": "deny"} if deny else {"sub": subject}
        answer = requests.post(address, data=form, timeout=240, allow_redirects=False)
        assert answer.status_code == 302, answer.text
        return answer.headers["Location"]


@pytest.fixture(scope="module")
def provider() -> Iterator[IdentityProvider]:
    with pytest.MonkeyPatch.context() as patch, identity_provider() as provider:
        patch.setenv("AUTHLIB_INSECURE_TRANSPORT", "1")  # The provider's own check, for loopback.
        yield provider


@contextmanager
def identity_provider() -> Iterator[IdentityProvider]:
    with warnings.catch_warnings():
        # The provider is third-party code, and uses deprecated parts of its library.
        warnings.simplefilter("ignore")
        import oidc_provider_mock

        app = oidc_provider_mock.app()
    provider = IdentityProvider("")
    inner = app.wsgi_app

    def noted(environ, start_response):
        if environ["PATH_INFO"] == "/oauth2/token":
            body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
            provider.asked.append(
                {key: values[0] for key, values in parse_qs(body.decode()).items()}
            )
            environ["wsgi.input"] = io.BytesIO(body)
        return inner(environ, start_response)

    server = make_server("127.0.0.1", 0, noted, threaded=True)
    provider.issuer = f"http://localhost:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def query(address: str) -> dict[str, str]:
    return {key: values[0] for key, values in parse_qs(urlsplit(address).query).items()}


def path_of(address: str) -> str:
    """Without the host, as the test's client asks for it."""
    return re.sub(r"^https://[^/]+", "", address)
