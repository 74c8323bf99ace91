"""Films for tests that look at what becomes of a scan, and not at how well a camera reads."""

import pytest

from server.demo.film import film

# The demo's have fifteen. To draw one, and to look at it, takes a hundredth of a second. A badge is
# held up for so long that four of ten are sharp, whatever is in the way at first.
PER_SECOND = 10


def draw_few(patch: pytest.MonkeyPatch) -> None:
    """Let films have fewer pictures a second, and end soon after the last badge."""
    patch.setattr(film, "FPS", PER_SECOND)
    patch.setattr(film, "_FRAMES", round(film.PRESENTATION_S * PER_SECOND))
    patch.setattr(film, "TAIL_S", 0.4)
