"""Chooses the code to take among those in view, so that one presentation is one scan.

Pure: times are arguments, in seconds.
"""

import threading
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from badges.credential.credential import PREFIX


@dataclass(frozen=True)
class SeenCode:
    """A code in the picture, with its area in square pixels."""

    text: str
    area: float

    @property
    def badge_like(self) -> bool:
        """Whether it may be a badge of some event, not a poster or a ticket."""
        return self.text.startswith(PREFIX)


class Presentations:
    """Thread-safe, because a door's camera and its hand scanner may read the same badge."""

    # A phone that shows one code after another must not fill the memory.
    MEMORY_MAX = 256

    def __init__(self, hold_s: float = 3.0) -> None:
        """A code seen again within `hold_s` of its last sighting is the same presentation."""
        self._hold_s = hold_s
        self._lock = threading.Lock()  # guards the two fields below
        self._seen_at: dict[str, float] = {}  # ordered by last sighting, oldest first
        self._answering: set[str] = set()

    def present(self, text: str, at_s: float) -> bool:
        """Whether `text`, in view at `at_s`, is newly presented, even if other codes were in view
        meanwhile.

        If time runs backwards by more than `hold_s`, everything is new.
        """
        with self._lock:
            seen_at = self._seen_at.pop(text, None)
            self._seen_at[text] = at_s
            if len(self._seen_at) > self.MEMORY_MAX:
                del self._seen_at[next(iter(self._seen_at))]
            if text in self._answering:
                return False
            return seen_at is None or abs(at_s - seen_at) > self._hold_s

    @contextmanager
    def answering(self, text: str) -> Iterator[None]:
        """Until the block ends, `text` is not newly presented, however long its answer takes."""
        with self._lock:
            self._answering.add(text)
        try:
            yield
        finally:
            with self._lock:
                self._answering.discard(text)

    def forget(self, text: str | None = None) -> None:
        """Forget a code, or all."""
        with self._lock:
            if text is None:
                self._seen_at.clear()
            else:
                self._seen_at.pop(text, None)


class Nearest:
    """Chooses one of several codes in view: the nearest (largest), badges before others.

    Two at about the same distance must not alternate. The chosen code is kept until another is
    clearly nearer, or it has gone.
    """

    NEARER = 1.5  # nearer: an area this many times as large
    LINGER_S = 0.5  # a badge unread for less than this is still there
    BESIDE_MAX = 16

    def __init__(self) -> None:
        self._taken: SeenCode | None = None
        self._seen_at = 0.0
        self._beside: set[str] = set()  # codes in view together with the taken one

    def choose(self, codes: Sequence[SeenCode], at_s: float) -> SeenCode | None:
        """The code to take; None if there is none, or if the taken one may reappear."""
        badges = [code for code in codes if code.badge_like] or list(codes)
        if not badges:
            return None
        first = max(badges, key=lambda code: code.area)
        taken = self._taken
        if taken is not None and first.text != taken.text:
            kept = next((code for code in badges if code.text == taken.text), None)
            if kept is not None and first.area <= self.NEARER * kept.area:
                first = kept
            elif kept is None and self._lingers(taken, first, at_s):
                return None
        if taken is None or first.text != taken.text or len(self._beside) > self.BESIDE_MAX:
            self._beside = set()
        self._beside |= {code.text for code in badges if code.text != first.text}
        self._taken, self._seen_at = first, at_s
        return first

    def _lingers(self, taken: SeenCode, other: SeenCode, at_s: float) -> bool:
        if other.text not in self._beside or abs(at_s - self._seen_at) > self.LINGER_S:
            return False
        return other.area <= self.NEARER * taken.area


def badges_in_view(codes: Iterable[SeenCode]) -> int:
    """The same badge on paper and on a phone counts once."""
    return len({code.text for code in codes if code.badge_like})


@dataclass
class _Showing:
    last_at: float
    frames: int = 0
    texts: set[str] = field(default_factory=set)


class ReadRate:
    """Measures the share of codes in view in the last minute that were read.

    A code counts once while it is shown, and as unread only after UNREAD_FRAMES.
    """

    SPAN_S = 60.0
    GONE_S = 0.5
    # A sixth of a second. Shorter sightings may be patterns that only resemble a code.
    UNREAD_FRAMES = 5
    ENDED_MAX = 1000

    def __init__(self) -> None:
        self._ended: deque[tuple[float, int, int]] = deque(maxlen=self.ENDED_MAX)
        self._showing: _Showing | None = None

    def count_frame(self, at_s: float, located: bool, texts: Iterable[str] = ()) -> None:
        """Count one picture. `located`: a code was in it, read or not."""
        texts = set(texts)
        showing = self._showing
        if showing is not None and abs(at_s - showing.last_at) > self.GONE_S:
            self._ended.append((showing.last_at, *self._counts(showing)))
            showing = self._showing = None
        if not located and not texts:
            return
        if showing is None:
            showing = self._showing = _Showing(at_s)
        showing.last_at = at_s
        showing.frames += 1
        if len(showing.texts) < Presentations.MEMORY_MAX:
            showing.texts |= texts

    def counts(self, at_s: float) -> tuple[int, int]:
        """(shown, read) in the minute before `at_s`."""
        recent = [(s, r) for ended_at, s, r in list(self._ended) if at_s - ended_at <= self.SPAN_S]
        showing = self._showing
        if showing is not None and at_s - showing.last_at <= self.SPAN_S:
            recent.append(self._counts(showing))
        return sum(shown for shown, _ in recent), sum(read for _, read in recent)

    def rate(self, at_s: float) -> float | None:
        """The share from 0 to 1, or None if nothing was shown."""
        shown, read = self.counts(at_s)
        return round(read / shown, 3) if shown else None

    def _counts(self, showing: _Showing) -> tuple[int, int]:
        read = len(showing.texts)
        return (read or int(showing.frames >= self.UNREAD_FRAMES)), read
