"""Says that this kiosk stands at an assembly point, where it notes who is seen and lets nobody in.

A supervisor puts it there with their PIN, with or without the server. The scans are records like
all others: signed, chained and sent when the server can be reached (docs/design/muster.md).
"""

from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta

POINT_CHARS_MAX = 30


@dataclass(frozen=True)
class RollCall:
    """Holds which assembly point this kiosk takes the roll call at, and who put it there."""

    point: Annotated[str, Meta(min_length=1, max_length=POINT_CHARS_MAX)]  # As its sign says.
    by: Annotated[str, Meta(max_length=32)]  # The supervisor, as records have them.
