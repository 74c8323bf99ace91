"""Signs users on through an identity provider (OpenID Connect Core 1.0, authorization code flow;
docs/security.md).

Each request has a state, a nonce and a proof key (PKCE, RFC 7636), each used once. The provider
determines the identity, and `event.toml` maps it to a role. No other data and no token is kept.
"""

import hmac
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from badges.i18n import N_, Spoken
from server.core.event.directory import Event, check_private
from server.core.event.settings import EventError

# Libraries are imported at the first sign-on: they are slow, and most events have no provider.
if TYPE_CHECKING:
    from authlib.integrations.requests_client import OAuth2Session

SECRET_FILE = "sign-on.secret"
# Time limit for all requests of one step together.
WHOLE_S = 10.0
# A provider's metadata, keys or token take a few thousand bytes.
ANSWER_BYTES_MAX = 500_000
TURN_S = 5.0  # maximum wait for other sign-ons
# Concurrent requests to the provider. Each holds a server thread.
AT_ONCE = 4
# Asymmetric signatures, whose key only the provider has.
ALGORITHMS = (
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA",
)  # fmt: skip
# A session at the provider this young counts as a new sign-in.
FRESH_S = 5 * 60
LEEWAY_S = 60
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


class SignOnError(Spoken):
    pass


class NoRoleError(SignOnError):
    """Raised for a user of the provider without a role in `event.toml`."""


@dataclass(frozen=True)
class Begun:
    """Values that the browser stores while its user signs in at the identity provider."""

    address: str  # the address to open at the provider
    state: str
    nonce: str
    verifier: str


@dataclass(frozen=True)
class Identity:
    issuer: str
    subject: str
    name: str
    role: str
    many_factors: bool  # The provider reports more than one factor (RFC 8176).


@dataclass(frozen=True)
class Provider:
    """This server's connection to an identity provider. Thread-safe."""

    issuer: str
    client_id: str
    secret: str = field(repr=False)
    name: str
    claim: str
    roles: Mapping[str, str]
    _turn: threading.BoundedSemaphore = field(
        default_factory=lambda: threading.BoundedSemaphore(AT_ONCE), repr=False
    )

    def begin(self, back: str, *, fresh: bool = False) -> Begun:
        """Start a sign-on that returns to the address `back`.

        With `fresh`, the provider must ask its user again. Raises SignOnError.
        """
        from authlib.common.security import generate_token

        state, nonce, verifier = (generate_token(48) for _ in range(3))
        more: dict[str, Any] = {"prompt": "login", "max_age": 0} if fresh else {}
        with self._session(back) as session:
            endpoint = self._metadata(session)["authorization_endpoint"]
            address, _ = session.create_authorization_url(
                endpoint, state=state, nonce=nonce, code_verifier=verifier, **more
            )
        return Begun(address, state, nonce, verifier)

    def finish(
        self, answer: Mapping[str, str], begun: Begun, back: str, *, now: int, fresh: bool = False
    ) -> Identity:
        """Raises SignOnError or NoRoleError."""
        import requests
        from authlib.common.errors import AuthlibBaseError
        from joserfc.errors import JoseError

        # A refusal may lack the state. It has no effect.
        if "error" in answer or "code" not in answer:
            raise SignOnError(
                N_("%(name)s did not sign you in. Start again, or ask there."), name=self.name
            )
        if not hmac.compare_digest(answer.get("state", "").encode(), begun.state.encode()):
            raise SignOnError(N_("This answer belongs to another sign-in. Start again."))
        try:
            with self._session(back) as session:
                metadata = self._metadata(session)
                self._check_sender(answer, metadata)
                token = session.fetch_token(
                    metadata["token_endpoint"],
                    code=answer["code"],
                    code_verifier=begun.verifier,
                    grant_type="authorization_code",
                    # Never send the client's secret to a redirect target.
                    allow_redirects=False,
                )
                keys = _json(session, metadata["jwks_uri"])
            claims = self._claims(token, keys, begun.nonce, now // 1000)
        except SignOnError:
            raise
        except (AuthlibBaseError, JoseError, requests.RequestException, ValueError, KeyError):
            raise SignOnError(
                N_(
                    "The answer of %(name)s is not valid. Start again; if it happens again, "
                    "tell the operator of this server."
                ),
                name=self.name,
            ) from None
        if fresh and not 0 <= now // 1000 - _number(claims.get("auth_time")) <= FRESH_S:
            raise SignOnError(
                N_("%(name)s did not confirm that it has asked you again."), name=self.name
            )
        return self._identity(claims)

    def _check_sender(self, answer: Mapping[str, str], metadata: Mapping[str, Any]) -> None:
        """Refuse an answer from another provider (RFC 9207)."""
        needed = metadata.get("authorization_response_iss_parameter_supported") is True
        if answer.get("iss", "" if needed else self.issuer) != self.issuer:
            raise SignOnError(N_("This answer comes from another provider. Start again."))

    def _claims(
        self, token: Mapping[str, Any], keys: Any, nonce: str, now_s: int
    ) -> Mapping[str, Any]:
        from authlib.oidc.core import CodeIDToken
        from joserfc import jwt
        from joserfc.jwk import KeySet

        decoded = jwt.decode(token["id_token"], KeySet.import_key_set(keys), list(ALGORITHMS))
        claims = CodeIDToken(
            decoded.claims,
            decoded.header,
            {
                "iss": {"essential": True, "value": self.issuer},
                "aud": {"essential": True, "value": self.client_id},
            },
            {
                "nonce": nonce,
                "client_id": self.client_id,
                "access_token": token.get("access_token"),
            },
        )
        claims.validate(now=now_s, leeway=LEEWAY_S)
        return dict(claims)

    def _identity(self, claims: Mapping[str, Any]) -> Identity:
        name = next(
            (
                text.strip()
                for text in map(claims.get, ("name", "preferred_username", "email"))
                if isinstance(text, str) and text.strip()
            ),
            "",
        )
        given = claims.get(self.claim, [])
        groups = given if isinstance(given, list) else [given]
        # The first match in the mapping counts, not in the claim.
        role = next((role for group, role in self.roles.items() if group in groups), None)
        if role is None:
            raise NoRoleError(
                N_(
                    "%(name)s knows you as %(user)s, but you have no role at this event. Ask "
                    "the operator of this server."
                )
                if name
                else N_(
                    "%(name)s knows you, but you have no role at this event. Ask the operator"
                    " of this server."
                ),
                name=self.name,
                user=name,
            )
        amr = claims.get("amr", [])
        many = isinstance(amr, list) and "mfa" in amr
        return Identity(self.issuer, str(claims["sub"]), name, role, many)

    @contextmanager
    def _session(self, back: str) -> Iterator["OAuth2Session"]:
        """Open an HTTP session with the provider. The number of open sessions is limited."""
        from authlib.integrations.requests_client import OAuth2Session

        from server.core.outgoing.for_requests import Bounded

        if not self._turn.acquire(timeout=TURN_S):
            raise SignOnError(
                N_("Too many are signing in with %(name)s. Try again in a moment."), name=self.name
            )
        try:
            with OAuth2Session(
                self.client_id,
                self.secret,
                scope="openid profile email",
                redirect_uri=back,
                code_challenge_method="S256",
            ) as session:
                for scheme in ("https://", "http://"):
                    session.mount(scheme, Bounded(WHOLE_S, ANSWER_BYTES_MAX))
                yield session
        finally:
            self._turn.release()

    def _metadata(self, session: "OAuth2Session") -> Mapping[str, Any]:
        import requests

        address = f"{self.issuer.rstrip('/')}/.well-known/openid-configuration"
        try:
            metadata: Mapping[str, Any] = _json(session, address)
            good = metadata["issuer"] == self.issuer and all(
                is_safe(metadata[key])
                for key in ("authorization_endpoint", "token_endpoint", "jwks_uri")
            )
        except requests.RequestException:
            raise SignOnError(
                N_("%(name)s does not answer. Sign in with a password, or try again later."),
                name=self.name,
            ) from None
        except (ValueError, KeyError, TypeError):
            good = False
        if not good:
            raise SignOnError(
                N_(
                    "%(name)s is not set up as an OpenID provider. Tell the operator of this "
                    "server."
                ),
                name=self.name,
            )
        return metadata


def provider_of(event: Event) -> Provider | None:
    """Raises EventError for a secret that is missing or readable by others."""
    settings = event.settings
    if settings.sign_on_issuer is None or settings.sign_on_client is None:
        return None
    path = event.path / "keys" / SECRET_FILE
    check_private(path)
    try:
        secret = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        secret = ""
    if not secret:
        raise EventError(
            N_(
                "%(path)s is missing or empty: write the client's secret there that the "
                "identity provider gave you, or take sign_on_issuer out of event.toml."
            ),
            path=path,
        )
    return Provider(
        issuer=settings.sign_on_issuer,
        client_id=settings.sign_on_client,
        secret=secret,
        name=settings.sign_on_name,
        claim=settings.sign_on_claim,
        roles=settings.sign_on_roles,
    )


def is_safe(address: object) -> bool:
    """Return whether requests to an address are encrypted or stay on this computer."""
    try:
        parts = urlsplit(str(address))
    except ValueError:
        return False
    plain = parts.scheme == "http" and parts.hostname in _LOOPBACK
    return plain or (parts.scheme == "https" and bool(parts.hostname))


def _json(session: "OAuth2Session", address: str) -> Any:
    answer = session.request("GET", address, withhold_token=True, allow_redirects=False)
    answer.raise_for_status()
    return answer.json()


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else float("-inf")
