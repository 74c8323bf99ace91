"""The wire version of a kiosk and a server, and whether they are compatible.

Each side states in a header of every request and answer the newest version that it speaks and
the oldest that it understands. So both reach the same result, and the newer side decides what it
still accepts. Fields that an earlier peer may ignore, or that are sent only on request, change
neither number.
"""

import re
from typing import NamedTuple

HEADER = "Hallkeeper-Wire"
RUN_SINCE = 2  # since this version a batch has the run of its kiosk
EDITS_SINCE = 3  # since this version a kiosk applies VenueEdited
SESSIONS_SINCE = 4  # since this version a server has sessions (badges.wire.session)
_TEXT = re.compile(r"([0-9]{1,6})/([0-9]{1,6})", re.ASCII)


class WireVersion(NamedTuple):
    newest: int
    oldest: int

    @property
    def text(self) -> str:
        return f"{self.newest}/{self.oldest}"

    def understands(self, peer: "WireVersion") -> bool:
        """Whether the two protocol versions are compatible. Symmetric."""
        return self.newest >= peer.oldest and peer.newest >= self.oldest

    def is_too_old_for(self, peer: "WireVersion") -> bool:
        return self.newest < peer.oldest


OWN = WireVersion(newest=4, oldest=1)
# The output of `--version`. Click fills in the first two.
SHOWN = f"%(prog)s, version %(version)s, protocol version {OWN.newest}"
# A peer from before the header, recognised by the fields it asks for.
UNSTATED = WireVersion(newest=1, oldest=0)
# A kiosk that does not even ask for the event's servers. It refuses today's facts.
FIRST = WireVersion(newest=0, oldest=0)


def read_version(text: str | None) -> WireVersion | None:
    """Parse the version header, or return None if it is absent or malformed."""
    match = _TEXT.fullmatch(text or "")
    return None if match is None else WireVersion(int(match[1]), int(match[2]))
