"""Network namespaces and the cables between them, made by a test and gone with it.

Nothing here has a name outside: a namespace lives while a file of this process is open, and a cable
is two taps between which a thread of this process carries the frames. So even a killed test leaves
nothing behind. The thread also delays and loses frames like tc's netem, which many kernels lack.
"""

import ctypes
import fcntl
import heapq
import os
import random
import select
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from typing import Self, TypeVar

from tests.tools import reason_to_skip

T = TypeVar("T")

SERVER = "198.18.0.1"  # of the range for tests of networks (RFC 2544)
DOORS = "198.18.0.{}"
_FIRST_DOOR = 11

_CLONE_NEWNET = 0x40000000
_TUNSETIFF = 0x400454CA
_IFF_TAP, _IFF_NO_PI = 0x0002, 0x1000
_FRAME_BYTES = 2048
_IDLE_S = 0.05


class Namespace:
    """A separate network: loopback, and the cables attached to it."""

    def __init__(self) -> None:
        """Raises OSError if not permitted."""
        self._file = _in_a_thread(_new_namespace)
        self.path = f"/proc/{os.getpid()}/fd/{self._file}"
        try:
            self.ip("link", "set", "lo", "up")
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Release it; it ends with its last process."""
        os.close(self._file)

    @property
    def prefix(self) -> list[str]:
        """Words before a command that make it run here, under the same process id."""
        return ["nsenter", f"--net={self.path}"]

    def ip(self, *words: str) -> None:
        """Run `ip` here. Raises OSError with its message."""
        done = subprocess.run([*self.prefix, "ip", *words], capture_output=True, text=True)
        if done.returncode:
            raise OSError(0, f"ip {' '.join(words)}: {done.stderr.strip()}")

    def run(self, step: Callable[[], T]) -> T:
        """Return the result of `step`; its sockets belong to this network."""

        def inside() -> T:
            enter(self._file)
            return step()

        return _in_a_thread(inside)

    def connect(self, address: tuple[str, int], timeout_s: float = 5.0) -> socket.socket:
        return self.run(lambda: socket.create_connection(address, timeout_s))


class Cable:
    """Carries frames between two namespaces, with settable quality."""

    def __init__(
        self,
        near: Namespace,
        far: Namespace,
        name: str,
        dice: random.Random,
        near_name: str = "eth0",
    ) -> None:
        """Join two namespaces. The end in `near` is called `near_name`, and that in `far` is called
        `name`. Both are down.
        """
        self._near = near
        self._dice = dice
        self._ends: list[int] = []
        self._over = threading.Event()
        self._waiting: list[tuple[float, int, int, bytes]] = []  # time, order, destination, frame
        self.carried = self.lost = 0
        self.mend()
        self._thread = threading.Thread(target=self._carry, name=f"cable {name}", daemon=True)
        try:
            for namespace, end in ((near, near_name), (far, name)):
                self._ends.append(namespace.run(lambda end=end: _tap(end)))
        except BaseException:
            self._close_ends()
            raise
        self._thread.start()

    def cut(self) -> None:
        """Drop everything silently: connections hang."""
        self._dead = True

    def degrade(self, delay_s: tuple[float, float], loss: float) -> None:
        """Delay each frame by a random time between the two, and lose this share of frames."""
        self._delay_s, self._loss = delay_s, loss

    def mend(self) -> None:
        """Carry everything at once."""
        self._dead = False
        self.degrade((0.0, 0.0), 0.0)

    def unplug(self) -> None:
        """Like `cut`, but the near end knows it at once."""
        self._near.ip("link", "set", "eth0", "down")

    def plug(self) -> None:
        self._near.ip("link", "set", "eth0", "up")

    def close(self) -> None:
        self._over.set()
        self._thread.join()
        self._close_ends()

    def _close_ends(self) -> None:
        while self._ends:
            os.close(self._ends.pop())

    def _carry(self) -> None:
        poll = select.poll()
        for end in self._ends:
            poll.register(end, select.POLLIN)
        other = dict(zip(self._ends, reversed(self._ends), strict=True))
        while not self._over.is_set():
            wait_s = self._waiting[0][0] - time.monotonic() if self._waiting else _IDLE_S
            for end, _ in poll.poll(max(0.0, min(wait_s, _IDLE_S)) * 1000):
                self._take(end, other[end])
            while self._waiting and self._waiting[0][0] <= time.monotonic():
                _, _, end, frame = heapq.heappop(self._waiting)
                _write(end, frame)

    def _take(self, end: int, to: int) -> None:
        try:
            frame = os.read(end, _FRAME_BYTES)
        except OSError:
            return  # the other end of the tap is down
        self.carried += 1
        if self._dead or self._dice.random() < self._loss:
            self.lost += 1
            return
        due = time.monotonic() + self._dice.uniform(*self._delay_s)
        heapq.heappush(self._waiting, (due, self.carried, to, frame))


class Network:
    """The server's namespace with a switch, and a door's namespace for each `door`."""

    def __init__(self, seed: int = 0) -> None:
        """Raises OSError if not permitted, and leaves nothing behind."""
        self._seed = seed
        self._doors = 0
        self._parts = ExitStack()
        try:
            self.server = self._namespace()
            self.server.ip("link", "add", "switch", "type", "bridge")
            self.server.ip("address", "add", f"{SERVER}/24", "dev", "switch")
            self.server.ip("link", "set", "switch", "up")
        except BaseException:
            self._parts.close()
            raise

    def door(self) -> tuple[Namespace, Cable]:
        """A new namespace, and the cable from it to the server's switch."""
        namespace, number = self._namespace(), self._doors
        self._doors += 1
        dice = random.Random(f"{self._seed} cable {number}")
        cable = Cable(namespace, self.server, f"port{number}", dice)
        self._parts.callback(cable.close)
        self.server.ip("link", "set", f"port{number}", "master", "switch", "up")
        address = f"{DOORS.format(_FIRST_DOOR + number)}/24"
        namespace.ip("address", "add", address, "dev", "eth0")
        namespace.ip("link", "set", "eth0", "up")
        return namespace, cable

    def _namespace(self) -> Namespace:
        namespace = Namespace()
        self._parts.callback(namespace.close)
        return namespace

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._parts.close()


def why_none() -> str:
    """The reason against such a network here, in one sentence; "" if it works."""
    if sys.platform != "linux":
        return "Network namespaces are Linux's."
    if missing := reason_to_skip("ip", "nsenter"):
        return missing
    try:
        with Network() as network:
            network.door()
    except OSError as error:
        return f"Network namespaces can't be made here ({error.strerror}): try as root."
    return ""


def enter(namespace: int) -> None:
    """Enter the network of this open file, for the calling thread only."""
    _call("setns", namespace, _CLONE_NEWNET)


def _call(function: str, *values: int) -> None:
    """A function of the C library that Python has from 3.12 on. Raises OSError."""
    library = ctypes.CDLL(None, use_errno=True)
    if getattr(library, function)(*values):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _in_a_thread(step: Callable[[], T]) -> T:
    """Run in a short-lived thread, because each thread has its own namespace."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(step).result()


def _new_namespace() -> int:
    _call("unshare", _CLONE_NEWNET)
    return os.open("/proc/thread-self/ns/net", os.O_RDONLY)


def _tap(name: str) -> int:
    """A network interface whose far side is the returned file: each read is one whole frame."""
    end = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    try:
        wish = struct.pack("16sH22x", name.encode(), _IFF_TAP | _IFF_NO_PI)
        fcntl.ioctl(end, _TUNSETIFF, wish)
    except BaseException:
        os.close(end)
        raise
    return end


def _write(end: int, frame: bytes) -> None:
    with suppress(OSError):  # that interface is down, or its queue is full: the frame is lost
        os.write(end, frame)
