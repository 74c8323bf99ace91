"""Calls of many threads on the loop."""

import asyncio
import threading

from server.web.serving.waker import Waker

WAIT_S = 240


def test_calls_of_many_threads_come_in_order_and_none_is_lost() -> None:
    heard: list[tuple[int, int]] = []

    async def whole() -> None:
        waker = Waker(asyncio.get_running_loop())
        all_heard = asyncio.Event()

        def hear(speaker: int, number: int) -> None:
            heard.append((speaker, number))
            if len(heard) == 4_000:
                all_heard.set()

        def speak(speaker: int) -> None:
            for number in range(1_000):
                waker.call(lambda number=number: hear(speaker, number))

        speakers = [threading.Thread(target=speak, args=(speaker,)) for speaker in range(4)]
        for thread in speakers:
            thread.start()
        async with asyncio.timeout(WAIT_S):
            await all_heard.wait()
        for thread in speakers:
            thread.join()

    asyncio.run(whole())
    for speaker in range(4):
        assert [number for source, number in heard if source == speaker] == list(range(1_000))
