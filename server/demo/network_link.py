"""A TCP relay on loopback, as the network between a kiosk and the server, which can be cut.

While it is cut, connections stay open and silent, as with a pulled cable. On repair they are reset,
and new ones pass.
"""

import asyncio
import contextlib
import threading
from collections.abc import Coroutine
from typing import Any, Self, TypeVar

T = TypeVar("T")

_CHUNK = 65536
_CALL_S = 10.0


class Link:
    """A kiosk's connection to the server, through `address`. Use it in a `with`."""

    def __init__(self, server: tuple[str, int]) -> None:
        self._far_end = server
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="link", daemon=True)
        self._thread.start()
        self._closing = False
        self._whole = asyncio.Event()
        self._carried: set[asyncio.StreamWriter] = set()  # both ends of each connection
        self._calls: set[asyncio.Task[None]] = set()  # held, as asyncio holds tasks weakly
        self._listener = self._call(asyncio.start_server(self._accept, "127.0.0.1", 0))
        host, port = self._listener.sockets[0].getsockname()
        self.address: tuple[str, int] = (host, port)
        self.mend()

    def cut(self) -> None:
        self._call(self._cut())

    def mend(self) -> None:
        """Reset hanging connections, and let new ones pass."""
        self._call(self._mend())

    def close(self) -> None:
        if not self._loop.is_closed():
            self._call(self._close())
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _call(self, step: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(step, self._loop).result(_CALL_S)

    async def _cut(self) -> None:
        self._whole.clear()

    async def _mend(self) -> None:
        if not self._whole.is_set():
            for end in self._carried:
                end.transport.abort()
        self._whole.set()

    async def _close(self) -> None:
        # Take no more calls before closing: asyncio leaves one open that it has just accepted.
        self._closing = True
        for listening in self._listener.sockets:
            self._loop.remove_reader(listening)
        await asyncio.sleep(0.01)
        self._listener.close()
        calls = list(self._calls)
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)
        await self._listener.wait_closed()  # From Python 3.12 on it waits for the calls, too.
        await asyncio.sleep(0.01)  # The transports need this to close their sockets.

    def _accept(self, reader: asyncio.StreamReader, near: asyncio.StreamWriter) -> None:
        if self._closing:
            near.transport.abort()
            return

        def end(call: asyncio.Task[None]) -> None:
            self._calls.discard(call)
            if not near.is_closing():  # A call that is cancelled before it begins closes nothing.
                near.transport.abort()

        call = self._loop.create_task(self._carry(reader, near))
        self._calls.add(call)
        call.add_done_callback(end)

    async def _carry(self, reader: asyncio.StreamReader, near: asyncio.StreamWriter) -> None:
        try:
            # Calls to a cut link wait for its repair.
            await self._whole.wait()
            far_reader, far = await asyncio.open_connection(*self._far_end)
        except (OSError, asyncio.CancelledError):
            near.transport.abort()
            return
        self._carried |= {near, far}
        pumps = [
            asyncio.ensure_future(self._pump(reader, far)),
            asyncio.ensure_future(self._pump(far_reader, near)),
        ]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
            near.close()
            far.close()
        except asyncio.CancelledError:
            near.transport.abort()
            far.transport.abort()
        finally:
            self._carried -= {near, far}
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(_CHUNK):
                await self._whole.wait()
                writer.write(data)
                await writer.drain()
