"""Makes the server's metrics for Prometheus.

Labels contain codes, decisions and reasons, but no names or badge numbers.
"""

from collections import Counter
from collections.abc import Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from server.core.alerts import kiosks as kiosk_alerts
from server.core.entry_log import entry_log
from server.core.event import processes
from server.core.feed import changes
from server.core.kiosks import registry
from server.core.second_disk import line
from server.features.integrations import halls
from server.storage import disk
from server.storage.engines.state import engine_state
from server.web.services import Services

PREFIX = "hallkeeper_"


def exposition(here: Services) -> bytes:
    now = CollectorRegistry()
    now.register(_Now(here))
    return generate_latest(now) + generate_latest(here.measures.registry)


class _Now:
    def __init__(self, here: Services) -> None:
        self._here = here

    def describe(self) -> list[Metric]:
        return []  # Avoids a collection at registration

    def collect(self) -> Iterator[Metric]:
        yield from self._halls()
        yield from self._kiosks()
        yield from self._server()
        yield from self._database()

    def _halls(self) -> Iterator[Metric]:
        inside = _gauge("hall_inside", "People inside by the records.", "hall")
        at_most = _gauge("hall_at_most", "People inside at most, with unused places.", "hall")
        capacity = _gauge("hall_capacity", "The most people that are allowed.", "hall")
        for hall in halls.halls(self._here.database.reader):
            inside.add_metric([hall.code], hall.inside)
            at_most.add_metric([hall.code], hall.at_most)
            capacity.add_metric([hall.code], hall.capacity)
        yield from (inside, at_most, capacity)

    def _kiosks(self) -> Iterator[Metric]:
        db, now = self._here.database.reader, self._here.now()
        active = [row for row in registry.kiosks(db) if row.state == "active"]
        heard = sum(kiosk_alerts.heard_lately(row.seen_at, now) for row in active)
        yield _value("kiosks_active", "Kiosks at work.", len(active))
        yield _value("kiosks_quiet", "Kiosks at work that are not heard.", len(active) - heard)
        phones = _gauge("phones_active", "Phones among them, by version of the page.", "files")
        for files, count in Counter(row.files for row in active if row.is_phone).items():
            phones.add_metric([files], count)
        yield phones
        yield _value(
            "kiosk_scans_waiting", "Scans that kiosks have not sent yet, as last reported.",
            sum(row.waiting for row in active),
        )  # fmt: skip
        scans = CounterMetricFamily(
            f"{PREFIX}scans", "Scans since the server started, by answer.", None,
            ["decision", "reason"],
        )  # fmt: skip
        for key, count in self._here.measures.scans(db).items():
            scans.add_metric(key, count)
        yield scans

    def _server(self) -> Iterator[Metric]:
        here = self._here
        yield _value("feeds", "Feeds that are held open.", here.hub.listeners)
        yield _value("writer_queue", "Writes that wait for the writer.", here.database.waiting)
        lent, idle = here.database.readers
        yield _value("readers_lent", "Connections that read now.", lent)
        yield _value("readers_idle", "Connections that lie ready to read.", idle)
        try:
            free = disk.room(here.database.path).free
        except OSError:
            free = 0
        yield _value("disk_free_bytes", "Free bytes on the event's disk.", free)
        if here.backups is not None:
            status = here.backups.status
            yield _value("backup_trouble", "1 where the second disk lacks something.", status.fails)
            if status.newest is not None:
                age_s = max(0.0, (here.now() - status.newest.made_at) / 1000)
                yield _value("backup_age_seconds", "Age of the newest backup.", age_s)

    def _database(self) -> Iterator[Metric]:
        """Yield the metrics of servers and database, as in `hallkeeper status`."""
        here = self._here
        db, now = here.database.reader, here.now()
        running = [item for item in processes.all_processes(db) if item.stopped_at is None]
        silent = sum(item.is_silent(now) for item in running)
        yield _value("servers_at_work", "Servers that are heard.", len(running) - silent)
        yield _value("servers_silent", "Servers that are not heard, and did not end.", silent)
        yield _value("log_entries", "Entries of the entry log.", entry_log.size(db))
        yield _value(
            "kiosks_awaited", "Kiosks without whose word a hall gives out no place.",
            len(line.awaited(db)),
        )  # fmt: skip
        yield _value(
            "feed_behind", "Changes that this server has not yet given to its feeds.",
            max(0, changes.cursor(db) - here.hub.cursor),
        )  # fmt: skip
        engine = engine_state(db, str(here.database.path))
        yield _value("database_waiting", "Connections that wait to write.", engine.waiting)
        yield _value(
            "database_held_seconds", "How long the current writer has held the write lock.",
            engine.held_s,
        )  # fmt: skip
        yield _value(
            "database_synchronous", "1 where a commit waits for a standby.", engine.synchronous
        )
        behind = _gauge(
            "database_standby_behind_bytes", "Log that a standby has not replayed.", "standby"
        )
        for item in engine.standbys:
            behind.add_metric(
                [item.name], float("nan") if item.behind_bytes is None else item.behind_bytes
            )
        yield _value("database_standbys", "Standbys that follow.", len(engine.standbys))
        yield behind


def _gauge(name: str, words: str, label: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(PREFIX + name, words, None, [label])


def _value(name: str, words: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(PREFIX + name, words, float(value))
