"""Finds webhooks whose receiver has taken nothing for long."""

from server.core.alerts.alerts import Kind, Trouble, steps
from server.core.alerts.sources import AlertContext
from server.features.integrations import endpoints

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS


def of_webhooks(context: AlertContext) -> list[Trouble]:
    """List the webhooks that fail for longer than the event's settings allow, or were disabled for
    it. One that an admin paused is none.
    """
    settings, now = context.event.settings, context.now
    found = []
    for one in endpoints.endpoints(context.db):
        if one.failing_since is None:
            continue
        failing_ms = now - one.failing_since
        if failing_ms < settings.alert_webhook_min * MINUTE_MS and one.disabled_at is None:
            continue
        level = steps(failing_ms, 6 * HOUR_MS, 48 * HOUR_MS) + (one.disabled_at is not None)
        values = {"ms": failing_ms, "disabled": int(one.disabled_at is not None)}
        about = str(one.endpoint_id)
        found.append(Trouble(Kind.WEBHOOK, about, False, level, one.failing_since, values))
    return found


def of_disabled_webhooks(context: AlertContext) -> list[Trouble]:
    return [
        Trouble("webhook.disabled", str(one.endpoint_id))
        for one in endpoints.endpoints(context.db)
        if one.disabled_at is not None
    ]
