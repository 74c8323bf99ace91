"""Connects to the hosts of an address in parallel, so that a silent host delays no connection.

libpq tries them in turn, with the full timeout for each. So the host that answered last is tried
first, and all at once if it does not answer soon. The first suitable answer wins.
"""

import queue
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, Protocol, TypeVar

SOON_S = 0.3  # far longer than a connection normally takes
_LISTS = ("host", "hostaddr", "port")


class Closable(Protocol):
    def close(self) -> None: ...


C = TypeVar("C", bound=Closable)


def each_host(given: Mapping[str, Any]) -> Sequence[dict[str, Any]]:
    lists = {name: str(given[name]).split(",") for name in _LISTS if given.get(name)}
    count = max((len(values) for values in lists.values()), default=1)
    # A single port applies to all hosts. libpq reports other mismatches.
    if any(len(values) not in (1, count) for values in lists.values()):
        return [dict(given)]
    return [
        {**given, **{name: values[at if len(values) > 1 else 0] for name, values in lists.items()}}
        for at in range(count)
    ]


class Hosts(Generic[C]):
    """Connects to the first of several hosts that answers. Thread-safe.

    `connect` returns a connection, or None and the reason.
    """

    def __init__(self, connect: Callable[[dict[str, Any]], tuple[C | None, str]]) -> None:
        self._connect = connect
        self._answered = 0  # index of the host that answered last

    def skip(self) -> None:
        self._answered += 1

    def connection(self, given: Mapping[str, Any]) -> tuple[C | None, str]:
        hosts = each_host(given)
        if len(hosts) == 1:
            return self._connect(hosts[0])
        first = self._answered % len(hosts)
        race = _Race(self._connect)
        race.enter(first, hosts[first])
        if race.winner(1, SOON_S) is None:
            for number, parameters in enumerate(hosts):
                if number != first:
                    race.enter(number, parameters)
            race.winner(len(hosts), None)
        winner, number, why = race.end()
        if winner is not None:
            self._answered = number
        return winner, why


class _Race(Generic[C]):
    def __init__(self, connect: Callable[[dict[str, Any]], tuple[C | None, str]]) -> None:
        self._connect = connect
        self._lock = threading.Lock()
        self._ended: queue.SimpleQueue[tuple[int, C | None, str]] = queue.SimpleQueue()
        self._lost: dict[int, str] = {}
        self._won: tuple[int, C] | None = None
        self._over = False

    def enter(self, number: int, given: dict[str, Any]) -> None:
        name = f"host {number} of the database"
        threading.Thread(target=self._try, args=(number, given), name=name, daemon=True).start()

    def _try(self, number: int, given: dict[str, Any]) -> None:
        try:
            connection, why = self._connect(given)
        except BaseException as error:
            connection, why = None, type(error).__name__
        with self._lock:
            if not self._over:
                self._ended.put((number, connection, why))
                return
        if connection is not None:
            connection.close()  # another host was faster

    def winner(self, entered: int, within_s: float | None) -> C | None:
        """Return the first connection, or None once all started hosts have failed or after
        `within_s`.
        """
        while self._won is None and len(self._lost) < entered:
            try:
                number, connection, why = self._ended.get(timeout=within_s)
            except queue.Empty:
                break
            if connection is None:
                self._lost[number] = why
            else:
                self._won = number, connection
        return None if self._won is None else self._won[1]

    def end(self) -> tuple[C | None, int, str]:
        """Stop the attempts. Return the first connection, or the reasons of failures."""
        with self._lock:
            self._over = True
        while not self._ended.empty():
            _, connection, _ = self._ended.get()
            if connection is not None:
                connection.close()
        if self._won is None:
            return None, 0, "; ".join(self._lost[number] for number in sorted(self._lost))
        return self._won[1], self._won[0], ""
