"""Films for tests of a scan's result, and not of the camera's reading."""

import pytest

from server.demo.film import film

# The demo's have fifteen. Drawing a picture and reading it take a hundredth of a second. A badge is
# held up until four of ten pictures are sharp, whatever covers it at first.
PER_SECOND = 10


def draw_few(patch: pytest.MonkeyPatch) -> None:
    """Let films have fewer pictures a second, and end soon after the last badge."""
    patch.setattr(film, "FPS", PER_SECOND)
    patch.setattr(film, "_FRAMES", round(film.PRESENTATION_S * PER_SECOND))
    patch.setattr(film, "TAIL_S", 0.4)
