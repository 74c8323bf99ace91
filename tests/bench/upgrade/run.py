"""Upgrades and downgrades servers and kiosks by one version in every order, while 20 kiosks scan
about 20 times a second.

UPGRADE_OLD names the old version: a commit, or a wheel's path. The new one is this checkout.
With UPGRADE_PACE=2 people scan half as often.
"""

import os
import shutil
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import Literal, NamedTuple

from tests.bench.upgrade.day import Day
from tests.bench.upgrade.site import Site
from tests.bench.upgrade.verdict import check_log, verdict
from tests.bench.upgrade.versions import Version, install
from tests.server.support.postgresql.cluster import MISSING, Cluster, binaries

OLD = os.environ.get("UPGRADE_OLD", "")
BEFORE_S = 60.0  # until the halls are full
REST_S = 8.0  # between two steps
BESIDE_S = 5.0  # two servers of different versions on one database
ALL, FIRST, SECOND = (0, 1, 2, 3), (0, 1), (2, 3)  # groups of kiosks


class Step(NamedTuple):
    what: Literal["servers"] | tuple[int, ...]
    to: Literal["new", "old"]
    kill: bool = False

    @property
    def name(self) -> str:
        what = self.what if isinstance(self.what, str) else f"{len(self.what) * 5} kiosks"
        return f"{what} to {self.to}{', killed' if self.kill else ''}"


PLAN = (
    # The servers first, and back in the opposite order.
    Step("servers", "new"), Step(ALL, "new"), Step(ALL, "old"), Step("servers", "old"),
    # The kiosks first; all are killed.
    Step(ALL, "new", True), Step("servers", "new", True),
    Step("servers", "old", True), Step(ALL, "old", True),
    # The servers while half of the kiosks are new.
    Step(FIRST, "new"), Step("servers", "new"), Step(SECOND, "new"),
    Step(FIRST, "old"), Step("servers", "old"), Step(SECOND, "old"),
)  # fmt: skip


def run() -> object:
    if not OLD:
        return {"bench": "upgrade", "skipped": "UPGRADE_OLD names no commit and no wheel"}
    path = Path(tempfile.mkdtemp(prefix="hallkeeper-upgrade-"))
    try:
        versions = {"old": install(OLD, path / "old"), "new": install("", path / "new")}
        return {
            "bench": "upgrade",
            **{key: version.name for key, version in versions.items()},
            "sqlite": _day(path / "sqlite", versions, "", servers=1),
            "postgresql": _on_postgresql(path / "postgresql", versions),
        }
    finally:
        shutil.rmtree(path, ignore_errors=True)


def _on_postgresql(path: Path, versions: dict[str, Version]) -> object:
    if not binaries():
        return {"skipped": MISSING}
    cluster = Cluster()
    try:
        return _day(path, versions, cluster.url(cluster.make()), servers=2)
    finally:
        cluster.stop()


def _day(path: Path, versions: dict[str, Version], url: str, *, servers: int) -> object:
    path.mkdir()
    with closing(Site(path, versions["old"], url, servers)) as site:
        for number in range(servers):
            site.start_server(number, versions["old"])
        day = Day(site)
        day.begin()
        forecast = site.output(versions["new"], "upgrade", "check", "--event", site.event)
        day.play(lambda: _steps(day, versions))
        site.settle()
        return {"forecast": forecast, **verdict(day), "log": check_log(site, versions.values())}


def _steps(day: Day, versions: dict[str, Version]) -> None:
    with day.period("before"):
        time.sleep(BEFORE_S)
    for step in PLAN:
        with day.period(step.name):
            _take(day, step, versions[step.to])
        with day.period(f"after {step.name}"):
            time.sleep(REST_S)


def _take(day: Day, step: Step, version: Version) -> None:
    if step.what == "servers":
        for number in range(len(day.site.ports)):
            if number:
                time.sleep(BESIDE_S)
            day.replace_server(number, version, step.kill)
        return
    for number in step.what:
        day.replace_kiosks(day.site.groups[number], version, step.kill)
