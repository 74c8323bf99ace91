"""A view that asks for a confirmation compares what its form named with what is there, or stands
here with the reason why it need not.
"""

import inspect
from collections.abc import Callable, Iterator
from types import CodeType, ModuleType

from server.web import shown
from tests.server.support.pages import Pages

# The reasons.
BY_MARK = "it compares a mark or generation of its form"
ONE_NAMED = "it names one thing by its number, which no other thing ever gets"
OWN = "it is about the user's own account"
READS = "it changes nothing in what it hands out"
NEW = "it makes or sets what the form itself holds"

REASONS = {
    **dict.fromkeys(
        (
            "admin.attendee_many.do", "admin.kiosks.fence", "admin.kiosks.retire",
            "admin.organisation_merge.merge", "admin.people.reissue", "admin.persons.merge",
            "admin.privacy.put", "desk.correction.save",
        ),
        BY_MARK,
    ),
    **dict.fromkeys(
        (
            "admin.integrations.pause_webhook", "admin.integrations.remove_webhook",
            "admin.integrations.revoke_token", "admin.integrations.try_webhook",
            "admin.invitations.take_back", "admin.people.day_credential", "admin.people.reinstate",
            "admin.people.revoke", "admin.printers.remove", "admin.users.disable",
            "admin.users.enable", "admin.users.no_pin", "admin.users.no_second_factor",
            "admin.users.password", "admin.users.pin", "admin.users.role", "admin.users.sign_out",
            "admin.users.unlock",
        ),
        ONE_NAMED,
    ),
    **dict.fromkeys(
        (
            "admin.account.end_session", "admin.account.sign_out_elsewhere",
            "admin.factors.add_app", "admin.factors.add_passkey", "admin.factors.recovery",
            "admin.factors.remove_app", "admin.factors.remove_passkey",
        ),
        OWN,
    ),
    **dict.fromkeys(
        (
            "admin.backup.download", "admin.backup.make", "admin.card_prints.download",
            "admin.card_prints.start", "admin.log_files.export", "admin.mailing.links",
            "admin.muster.begin", "admin.privacy.take",
        ),
        READS,
    ),
    **dict.fromkeys(
        (
            "admin.backup.choose", "admin.badge_keys.add", "admin.certificate.install",
            "admin.certificate.own", "admin.integrations.add_webhook",
            "admin.integrations.make_token", "admin.invitations.invite",
            "admin.mail_settings.save", "admin.users.add", "admin.wallet_keys.install_apple",
            "admin.wallet_keys.install_google",
        ),
        NEW,
    ),
}  # fmt: skip
TICKS = {"confirm", "stopped"}
COMPARING = {shown.named.__name__, shown.digest.__name__}


def asks(view: Callable[..., object]) -> bool:
    """Whether the view is marked as confirmed, or reads a tick of its form."""
    return hasattr(view, "confirmed") or bool(TICKS & set(_constants(view)))


def compares(view: Callable[..., object]) -> bool:
    return any(
        getattr(module, "shown", None) is shown and "shown" in code.co_names
        and COMPARING & set(code.co_names)
        for code, module in _codes(view)
    )  # fmt: skip


def _codes(view: Callable[..., object]) -> Iterator[tuple[CodeType, ModuleType]]:
    """Yield the code of a view, and of the functions of its module that it uses."""
    function = inspect.unwrap(view)
    module = inspect.getmodule(function)
    assert module is not None
    waiting, seen = [function.__code__], set()
    while waiting:
        code = waiting.pop()
        if code in seen:
            continue
        seen.add(code)
        yield code, module
        waiting += [constant for constant in code.co_consts if isinstance(constant, CodeType)]
        for name in code.co_names:
            used = getattr(module, name, None)
            if inspect.isfunction(used) and used.__module__ == module.__name__:
                waiting.append(inspect.unwrap(used).__code__)


def _constants(view: Callable[..., object]) -> Iterator[object]:
    for code, _ in _codes(view):
        yield from (constant for constant in code.co_consts if isinstance(constant, str))


def test_a_view_that_asks_for_a_confirmation_compares(pages: Pages) -> None:
    posts = {
        rule.endpoint for rule in pages.app.url_map.iter_rules() if "POST" in (rule.methods or ())
    }
    views = {name: pages.app.view_functions[name] for name in posts}
    asking = {name for name, view in views.items() if asks(view)}
    comparing = {name for name in asking if compares(views[name])}
    missing = sorted(asking - comparing - REASONS.keys())
    assert missing == [], "neither reads `server.web.shown` nor has a reason here"
    assert sorted(REASONS.keys() - asking) == [], "these ask for no confirmation"
    assert sorted(REASONS.keys() & comparing) == [], "these compare, and need no reason"
    assert {"admin.halls.clear", "admin.halls.attest"} <= comparing
