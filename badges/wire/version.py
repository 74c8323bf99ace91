"""Says which version of the wire a kiosk and a server speak, and whether these fit.

Each states in a header of every request and every answer the newest version that it speaks and the
oldest that it understands. So both come to the same result, and the newer one decides what it still
takes from the older one. A field that an earlier peer may ignore, or that is only sent to a peer
which asks for it, changes neither number.
"""

import re
from typing import NamedTuple

HEADER = "Hallkeeper-Wire"
RUN_SINCE = 2  # Since then a batch names the run of its kiosk.
_TEXT = re.compile(r"([0-9]{1,6})/([0-9]{1,6})", re.ASCII)


class WireVersion(NamedTuple):
    """Holds what one side states."""

    newest: int
    oldest: int

    @property
    def text(self) -> str:
        return f"{self.newest}/{self.oldest}"

    def understands(self, peer: "WireVersion") -> bool:
        """Tell whether the two understand each other. It is the same from either side."""
        return self.newest >= peer.oldest and peer.newest >= self.oldest

    def is_too_old_for(self, peer: "WireVersion") -> bool:
        """Tell whether this side is the one to update."""
        return self.newest < peer.oldest


OWN = WireVersion(newest=2, oldest=1)
# What `--version` shows. Click fills in the first two.
SHOWN = f"%(prog)s, version %(version)s, protocol version {OWN.newest}"
# Of a peer from before the header. It can only be told by what it asks for.
UNSTATED = WireVersion(newest=1, oldest=0)
# Of a kiosk that does not even ask for the event's servers. It refuses facts of today.
FIRST = WireVersion(newest=0, oldest=0)


def read_version(text: str | None) -> WireVersion | None:
    """Return what a header states. It is None where there is no such header, or no sense in it."""
    found = _TEXT.fullmatch(text or "")
    return None if found is None else WireVersion(int(found[1]), int(found[2]))
