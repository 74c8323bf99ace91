"""A kiosk at an assembly point, where it notes people and opens no door.

A supervisor moves it there with their PIN, with or without the server. The scans are ordinary
records: signed, chained and uploaded (docs/design/muster.md).
"""

from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta

POINT_CHARS_MAX = 30


@dataclass(frozen=True)
class RollCall:
    """The name of the kiosk's assembly point, and the supervisor who moved it there."""

    point: Annotated[str, Meta(min_length=1, max_length=POINT_CHARS_MAX)]  # as on its sign
    by: Annotated[str, Meta(max_length=32)]  # the supervisor, as in records
