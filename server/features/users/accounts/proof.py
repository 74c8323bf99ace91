import ipaddress
from urllib.parse import urlsplit

from flask import abort, request

from server.core.entry_log.act_names import Act
from server.core.staff import passkeys, passwords, second_factors, signing_in, users
from server.core.staff.guesses import Key, WaitError
from server.core.staff.passkeys import Place
from server.core.staff.second_factors import WrongFactorError
from server.core.staff.users import User
from server.storage.connection import Connection
from server.web import auth
from server.web.callers import caller
from server.web.i18n import gettext as _
from server.web.services import services

SIGN = "passkey"  # Purpose of a challenge that a passkey signs
_CODE_CHARS_MAX = 60


def chars_min(user: User) -> int:
    """Return how long the user's password must be."""
    return signing_in.chars_min(user, frozenset(services().event.settings.second_factor_roles))


def chosen_password(user: User) -> str:
    """Return the hash of the form's new password. Raises PoorPasswordError."""
    form, event_names = request.form, services().event.settings.name.values()
    chosen = form.get("chosen", "")
    if chosen != form.get("again", ""):
        raise passwords.PoorPasswordError(_("The two new passwords differ."))
    if chosen == form.get("present"):
        raise passwords.PoorPasswordError(_("The new password is the present one."))
    passwords.check(chosen, (*event_names, user.name), chars_min=chars_min(user))
    return users.hash_password(chosen)


def place() -> Place | None:
    """Return the host for passkeys, None at an IP address, where browsers refuse them."""
    here = services().event.settings
    for address in (here.public_address, here.phones_at):
        address_parts = urlsplit(address)
        host = address_parts.hostname or ""
        if host == urlsplit(f"//{request.host}").hostname and not _is_number(host):
            port = "" if address_parts.port in (None, 443) else f":{address_parts.port}"
            return Place(host, f"https://{host}{port}", next(iter(here.name.values())))
    return None


def sign_options(user: User) -> str:
    """Return the challenge for a passkey as JSON, or "" without passkeys."""
    here, where = services(), place()
    if where is None:
        return ""
    return passkeys.sign_options(
        here.database.reader, where, user,
        lambda: here.pending.asked(auth.token(), SIGN, passkeys.new_challenge, here.now()),
    )  # fmt: skip


def show_factor(user: User) -> str:
    """Check the form's code or passkey, and return the factor's kind.

    An attempt is counted before its check. Raises WrongFactorError.
    """
    here, now = services(), services().now()
    answer = request.form.get("credential", "")
    code = request.form.get("code", "").strip()[:_CODE_CHARS_MAX]
    is_code = not answer and code.replace(" ", "").isdigit()
    keys = signing_in.factor_keys(
        here.database.reader, user, caller(), auth.device(), now, code=is_code
    )
    try:
        tries = here.guesses.charge(keys, now, void_until=user.unlocked_at)
    except WaitError:
        abort(429)
    where = place()
    challenge = here.pending.take(auth.token(), SIGN, now) if answer else None
    key = second_factors.sealing_key(here.event.phone_secret)

    def step(db: Connection) -> str:
        shown = look(db)
        here.guesses.refund(db, keys, now)
        return shown

    def look(db: Connection) -> str:
        if answer:
            if where is None or challenge is None:
                raise WrongFactorError
            passkeys.use_passkey(db, where, user, answer, challenge, now=now)
            return "passkey"
        if is_code:
            second_factors.use_totp(db, key, user, code, now=now)
            return "app"
        second_factors.use_recovery_code(db, user, code)
        return "recovery code"

    try:
        shown = here.database.write(step)
    except WrongFactorError:
        _note_refusal(user, keys, tries, now)
        raise
    return shown


def _note_refusal(user: User, keys: list[Key], tries: list[int], now: int) -> None:
    """Log a series' first refusal, and each that delays further attempts."""
    slowed = [key for key, count in zip(keys, tries, strict=True) if count == key.limit.free]
    if tries[0] != 1 and not slowed:
        return
    here = services()
    subject: dict[str, str | int | None] = {
        "user": user.user_id,
        "caller": caller()[: signing_in.TAG_CHARS],
        "tries": max((key.limit.free for key in slowed), default=1),
    }
    here.database.write(
        lambda db: signing_in.note(db, here.guesses, Act.FACTOR_REFUSED, subject, now)
    )


def _is_number(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
