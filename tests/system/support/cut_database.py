"""Two servers whose links to PostgreSQL are cut, so that packets vanish without an error.

Each server, and the database, has its own network. A kernel bridge joins a server to the database;
a cut detaches the server's end. Kiosks reach the servers by other cables, which stay up. All users
of this module run in `on_site`, because the kiosks' sockets belong to the network of the thread
that made them.
"""

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from badges.wire.servers import ServerAddress
from kiosk.run import Kiosk
from tests.server.support.postgresql.cluster import Cluster
from tests.system.support.many_servers import Machine, ManyServers
from tests.system.support.namespaces import DOORS, Namespace, Network

T = TypeVar("T")

PORT = 8443
SERVERS = 2
_FIRST = 11  # The last number of the first server's address, as kiosks reach it.
_LOOK_S = 0.02
_NET = "198.18.{}.{}"


class Wire:
    """The link between a server and the database."""

    def __init__(self, server: Namespace, database: Namespace, number: int) -> None:
        self._inside = Namespace()
        try:
            self._inside.ip("link", "add", "wire", "type", "bridge")
            self._inside.ip("link", "set", "wire", "up")
            for end, name, last in ((server, "db0", 2), (database, f"server{number}", 1)):
                port = f"port{last}"
                peer = ("peer", "name", port, "netns", self._inside.path)
                end.ip("link", "add", name, "type", "veth", *peer)
                self._inside.ip("link", "set", port, "master", "wire", "up")
                end.ip("address", "add", f"{_NET.format(number + 1, last)}/24", "dev", name)
                end.ip("link", "set", name, "up")
        except BaseException:
            self.close()
            raise

    def cut(self) -> None:
        """Let nothing pass. Both ends stay up and get no notice."""
        self._inside.ip("link", "set", "port2", "nomaster")

    def mend(self) -> None:
        self._inside.ip("link", "set", "port2", "master", "wire")

    def close(self) -> None:
        self._inside.close()


@dataclass
class Cut:
    """The result of one cut, in seconds."""

    which: tuple[int, ...]
    cut_at: float = 0.0  # Unix seconds
    mended_at: float = 0.0
    # Until a scan of each kiosk that had asked a cut-off server was acknowledged.
    until_next_s: list[float] = field(default_factory=list)


@dataclass
class CutSite:
    many: ManyServers
    wires: list[Wire]
    cuts: list[Cut] = field(default_factory=list)
    # Times at which any kiosk got an acknowledgement (Unix seconds).
    acknowledged: list[float] = field(default_factory=list)

    def play(
        self, *plan: tuple[tuple[int, ...], float, float], before_s: float = 3.0
    ) -> Callable[[threading.Event], None]:
        """Cut the wires of these servers for so long, then go on for so long, one by one.

        It begins `before_s` after the kiosks.
        """

        def step(over: threading.Event) -> None:
            over.wait(before_s)
            for which, cut_s, after_s in plan:
                self._cut(which, cut_s, over)
                over.wait(after_s)

        return step

    def _cut(self, which: tuple[int, ...], cut_s: float, over: threading.Event) -> None:
        kiosks = self.many.kiosks.values()
        hosts = {self.many.machines[number].address.text for number in which}

        def at_hosts() -> list[Kiosk]:
            return [kiosk for kiosk in kiosks if kiosk.servers.current().address.text in hosts]

        # On a busy machine a server may be too slow for its kiosks for a while.
        while not (concerned := at_hosts()) and not over.wait(0.05):
            pass
        goes_on_elsewhere = len(which) < SERVERS
        cut, since = Cut(which, time.time()), time.monotonic()
        for number in which:
            self.wires[number].cut()
        before = {id(kiosk): kiosk.journal.state().acked for kiosk in concerned}
        until = time.monotonic() + cut_s
        while not over.is_set() and (
            time.monotonic() < until or (goes_on_elsewhere and not cut.until_next_s)
        ):
            for kiosk in concerned:
                at = before.get(id(kiosk))
                if at is not None and kiosk.journal.state().acked > at:
                    del before[id(kiosk)]
                    cut.until_next_s.append(time.monotonic() - since)
            time.sleep(_LOOK_S)
        for number in which:
            self.wires[number].mend()
        cut.mended_at = time.time()
        self.cuts.append(cut)

    def watch(self, over: threading.Event) -> None:
        acked = 0
        while not over.wait(0.05):
            now = sum(kiosk.journal.state().acked for kiosk in self.many.kiosks.values())
            if now > acked:
                acked = now
                self.acknowledged.append(time.time())

    def longest_gap_s(self, within: Cut, after_s: float = 0.0) -> float:
        """The longest time without an acknowledgement, from a cut to so long after its end."""
        until = within.mended_at + after_s
        times = [at for at in self.acknowledged if within.cut_at <= at <= until]
        points = [within.cut_at, *times, until]
        return max(later - earlier for earlier, later in itertools.pairwise(points))

    def answers(self, within: Cut) -> list[float]:
        """The durations of the doors' answers during a cut."""
        begin, end = within.cut_at * 1000, within.mended_at * 1000
        return sorted(took for at, took, _ in self.many.found.answers if begin <= at <= end)


@contextmanager
def two_servers(network: Network, path: Path, *, kiosks: int, capacity: int) -> Iterator[CutSite]:
    with ExitStack() as parts:
        database = Namespace()
        parts.callback(database.close)
        wires, places = [], []
        for number in range(SERVERS):
            server, _ = network.door()
            wires.append(Wire(server, database, number))
            parts.callback(wires[-1].close)
            places.append(server)
        listened = ",".join(_NET.format(number + 1, 1) for number in range(SERVERS))
        cluster = database.run(lambda: Cluster(None, f"listen_addresses={listened}"))
        parts.callback(cluster.stop)
        with (cluster.path / "data" / "pg_hba.conf").open("a") as rules:
            rules.write("host all all 198.18.0.0/16 trust\n")
        cluster.admin("SELECT pg_reload_conf()")
        name = cluster.make()
        machines = [
            Machine(
                ServerAddress(DOORS.format(_FIRST + number), PORT),
                cluster.url_by_network(name, _NET.format(number + 1, 1), cluster.port),
                tuple(place.prefix),
            )
            for number, place in enumerate(places)
        ]
        many = ManyServers(path, cluster.url(name), machines, kiosks=kiosks, capacity=capacity)
        parts.callback(many.close)
        yield CutSite(many, wires)


def on_site(step: Callable[[Network], T]) -> T:
    """Return the result of `step`, which runs in the kiosks' network."""
    with Network() as network:
        return network.server.run(lambda: step(network))


def run(site: CutSite, seconds: float, pause_s: float, fault: Callable[..., None]) -> None:
    """Scan for so long, with the fault, and note acknowledgements until the last."""
    over = threading.Event()
    watcher = threading.Thread(target=site.watch, args=(over,))
    watcher.start()
    try:
        site.many.run(seconds, pause_s=pause_s, fault=fault)
        site.many.check()
    finally:
        over.set()
        watcher.join()


def milliseconds(values: list[float], share: float) -> float:
    """That quantile of sorted times in seconds, in ms."""
    return round(1000 * values[min(len(values) - 1, int(share * len(values)))], 1)
