from collections.abc import Sequence


def sparkline(values: Sequence[int], width: int, height: int) -> str:
    """Return the points of an SVG polyline. The highest touches the top."""
    top, step = max([*values, 1]), width / max(1, len(values) - 1)
    return " ".join(
        f"{round(place * step, 1)},{round(height - value * height / top, 1)}"
        for place, value in enumerate(values)
    )
