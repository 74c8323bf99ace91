"""Puts a distance between servers and their database: a process that passes on bytes later.

It listens at a socket in a directory of its own, like PostgreSQL. Each direction is delayed by half
of the round trip.
"""

import queue
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PORT = 5432
NAME = f".s.PGSQL.{PORT}"


@contextmanager
def far(cluster: Path, round_trip_ms: float) -> Iterator[tuple[Path, int]]:
    """Yield the directory of a socket that leads to the cluster in that directory, and the process
    that delays.
    """
    folder = Path(tempfile.mkdtemp(prefix="hallkeeper-far-"))
    folder.chmod(0o755)
    child = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.load.distance", str(folder), str(cluster),
         str(round_trip_ms)],
        stdout=subprocess.PIPE,
    )  # fmt: skip
    try:
        assert child.stdout is not None
        child.stdout.readline()  # It listens.
        yield folder, child.pid
    finally:
        child.terminate()
        child.wait()
        shutil.rmtree(folder, ignore_errors=True)


def _pass_on(source: socket.socket, target: socket.socket, delay_s: float) -> None:
    waiting: queue.SimpleQueue[tuple[float, bytes]] = queue.SimpleQueue()
    threading.Thread(target=_send, args=(waiting, target, delay_s), daemon=True).start()
    data = b"-"
    while data:
        data = b""
        with suppress(OSError):
            data = source.recv(1 << 16)
        waiting.put((time.monotonic(), data))


def _send(
    waiting: queue.SimpleQueue[tuple[float, bytes]], target: socket.socket, delay_s: float
) -> None:
    while True:
        at, data = waiting.get()
        time.sleep(max(0.0, at + delay_s - time.monotonic()))
        try:
            if not data:
                target.shutdown(socket.SHUT_WR)
                return
            target.sendall(data)
        except OSError:
            return


def main() -> None:
    folder, cluster, round_trip_ms = Path(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3])
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(folder / NAME))
        listener.listen(64)
        sys.stdout.write("listens\n")
        sys.stdout.flush()
        while True:
            near, _ = listener.accept()
            away = socket.socket(socket.AF_UNIX)
            away.connect(str(cluster / NAME))
            for ends in ((near, away), (away, near)):
                threading.Thread(
                    target=_pass_on, args=(*ends, round_trip_ms / 2000), daemon=True
                ).start()


if __name__ == "__main__":
    main()
