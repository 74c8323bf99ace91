"""A feature adds an alert with one function and one line. The board, the webhooks and `hallkeeper
status` show it, each to its audience.
"""

import sys
from collections.abc import Iterator
from dataclasses import replace
from pkgutil import resolve_name
from types import ModuleType

import pytest
from click.testing import CliRunner

from badges.i18n import Phrase
from server.app.features import alert_sources
from server.cli.main import main
from server.core.alerts.alerts import Alert
from server.core.alerts.sources import (
    BOARD,
    STATUS,
    WEBHOOKS,
    AlertContext,
    Source,
    alerts,
)
from server.core.event.directory import Event
from server.features import muster
from server.features.integrations import endpoints, outbox
from server.features.integrations.feature import FEATURE as INTEGRATIONS
from server.storage.database import Database
from server.web.services import keep_services, services_of
from tests.server.features.board.test_overview import alerts as shown_alerts
from tests.server.support.pages import Pages


def of_megaphones(context: AlertContext) -> list[Alert]:
    text = Phrase("Megaphone %(name)s is flat.", name="North")
    todo = Phrase("Plug it in.")
    return [Alert("megaphone.flat", "North", what=text, todo=todo, where="Assembly point")]


@pytest.fixture
def pages(event: Event, site: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[Pages]:
    module = ModuleType("server.features.muster.alerts")
    module.of_megaphones = of_megaphones  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, module.__name__, module)
    line = ("alerts:of_megaphones", "board", "status", "webhooks")
    monkeypatch.setattr(muster, "ALERTS", (line,), raising=False)
    with Pages(event, site) as opened:
        here = replace(services_of(opened.app), alert_sources=alert_sources())
        keep_services(opened.app, here)
        yield opened


def test_the_board_shows_a_features_alert_in_the_pages_language(pages: Pages) -> None:
    steward = pages.staff("steward")
    assert (
        "Megaphone North is flat. Assembly point Handle it Plug it in." in shown_alerts(steward)[0]
    )
    assert "请接通电源。" in steward.get("/admin/?lang=zh").text


@pytest.mark.usefixtures("pages")
def test_status_reports_a_features_alert(event: Event) -> None:
    done = CliRunner().invoke(main, ["status", "--event", str(event.path)])
    assert done.output.splitlines()[-1] == "TROUBLE    Megaphone North is flat."
    assert done.exit_code == 1


def test_webhooks_report_a_features_alert(pages: Pages) -> None:
    hook = pages.database.write(
        lambda db: endpoints.add(
            db, "https://example.org/", ["troubles"], by="test", now=pages.now, http_allowed=False
        )
    )
    assert INTEGRATIONS.works is not None
    (webhooks,) = INTEGRATIONS.works(services_of(pages.app))
    webhooks.check_topics()  # type: ignore[attr-defined]
    webhooks.close()
    message = pages.database.write(lambda db: outbox.make_next(db, hook, pages.now))
    assert message is not None
    assert b'"megaphone.flat","megaphone":"North"' in message.body.replace(b" ", b"")


@pytest.mark.parametrize("source", alert_sources(), ids=lambda source: source.where)
def test_each_source_is_a_function_for_known_audiences(source: Source) -> None:
    assert callable(resolve_name(source.where))
    assert source.audiences
    assert source.audiences <= {BOARD, STATUS, WEBHOOKS}


@pytest.mark.parametrize("audience", [BOARD, STATUS, WEBHOOKS])
def test_sources_need_no_running_server(event: Event, site: Database, audience: str) -> None:
    context = AlertContext(site.reader, event, now=0)
    assert alerts(audience, context, alert_sources()) is not None
