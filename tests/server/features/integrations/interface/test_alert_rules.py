"""Prometheus's alert rules in packaging/prometheus, by the server's metrics and by promtool."""

import re
import subprocess
from pathlib import Path

import pytest

from server.core.event.directory import Event
from server.features.integrations.interface.figures import exposition
from server.storage.database import Database
from server.web.services import services_of
from tests.server.conftest import NOW
from tests.server.support.pages import Pages
from tests.tools import needs

FOLDER = Path(__file__).parents[5] / "packaging" / "prometheus"
RULES = FOLDER / "hallkeeper.rules.yml"
# Metrics of a server that has backups, a repository or standbys.
SOMETIMES = {
    "hallkeeper_backup_trouble", "hallkeeper_backup_age_seconds",
    "hallkeeper_repository_trouble", "hallkeeper_repository_age_seconds",
}  # fmt: skip
needs_promtool = needs("promtool")


def promtool(*words: str | Path) -> None:
    done = subprocess.run(["promtool", *words], cwd=FOLDER, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_server_has_each_metric(event: Event, site: Database) -> None:
    with Pages(event, site, NOW) as pages:
        text = exposition(services_of(pages.app)).decode()
    has = set(re.findall(r"^# TYPE (\w+)", text, re.MULTILINE))
    named = set(re.findall(r"hallkeeper_\w+", RULES.read_text()))
    assert {name.removesuffix("_bucket") for name in named} <= has | SOMETIMES


@needs_promtool
@pytest.mark.system
def test_rules_and_configuration_are_valid() -> None:
    promtool("check", "rules", RULES)
    promtool("check", "config", "--syntax-only", "prometheus.yml")


@needs_promtool
@pytest.mark.system
def test_each_rule_fires_and_a_good_day_is_quiet() -> None:
    promtool("test", "rules", "hallkeeper.test.yml")


def test_each_rule_is_tested_and_explained() -> None:
    explained = (FOLDER.parents[1] / "docs" / "operations.md").read_text()
    tested = (FOLDER / "hallkeeper.test.yml").read_text()
    for name in re.findall(r"alert: (\w+)", RULES.read_text()):
        assert f"`{name}`" in explained
        assert f'alertname="{name}"' in tested
