from badges.i18n import Phrase
from server.core.alerts.alerts import Alert, lasting, steps
from server.core.alerts.sources import AlertContext
from server.core.staff import users
from server.features.integrations import endpoints, tokens

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS


def of_webhooks(context: AlertContext) -> list[Alert]:
    """Return the webhooks that fail for too long by the event's settings, or were disabled."""
    settings, now = context.event.settings, context.now
    alerts = []
    for endpoint in endpoints.endpoints(context.db):
        if endpoint.failing_since is None:
            continue
        failing_ms = now - endpoint.failing_since
        if failing_ms < settings.alert_webhook_min * MINUTE_MS and endpoint.disabled_at is None:
            continue
        level = steps(failing_ms, 6 * HOUR_MS, 48 * HOUR_MS) + (endpoint.disabled_at is not None)
        problem, todo = _words(failing_ms, disabled=endpoint.disabled_at is not None)
        alerts.append(
            Alert(
                "webhook",
                str(endpoint.endpoint_id),
                level=level,
                since=endpoint.failing_since,
                what=problem,
                todo=todo,
                where=Phrase("Webhook %(number)s", number=endpoint.endpoint_id),
                page=("admin.integrations.webhook", {"endpoint_id": endpoint.endpoint_id}),
                remedy_at="admin.integrations.webhook",
            )
        )
    return alerts


def _words(failing_ms: int, *, disabled: bool) -> tuple[Phrase, Phrase]:
    time = lasting(failing_ms)
    if disabled:
        return Phrase(
            "Switched off, after its receiver took nothing for %(time)s", time=time
        ), Phrase("Repair the receiver, then press “Let it go on” on its page. Nothing is lost.")
    return Phrase("Its receiver takes nothing for %(time)s", time=time), Phrase(
        "Contact the receiver's administrator. Messages wait in order; none is lost."
    )


def of_disabled_webhooks(context: AlertContext) -> list[Alert]:
    return [
        Alert("webhook.disabled", str(endpoint.endpoint_id))
        for endpoint in endpoints.endpoints(context.db)
        if endpoint.disabled_at is not None
    ]


def of_tokens(context: AlertContext) -> list[Alert]:
    """Return the valid tokens whose maker saw the secret and may make none any more. They are not
    revoked without an admin, because an integration may be at work with them.
    """
    makers = {
        user.by: user.name
        for user in users.users(context.db)
        if user.disabled or user.role != "admin"
    }
    return [
        Alert(
            "token_maker",
            str(token.token_id),
            level=int("write:people" in token.scopes),
            what=Phrase(
                "Made by %(name)s, who is shut out or no longer an admin, and may know it",
                name=makers[token.made_by],
            ),
            todo=Phrase(
                "Revoke it on Integrations. If an integration still needs one, make another first."
            ),
            where=Phrase("Token %(name)s", name=token.name),
            page=("admin.integrations.show", {}),
            remedy_at="admin.integrations.show",
        )
        for token in tokens.tokens(context.db)
        if token.made_by in makers and token.stands(context.now)
    ]
