"""The figures as one picture. Only this module needs matplotlib."""

from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np

mpl.use("Agg")
from matplotlib import pyplot as plt  # a backend without a screen comes first

COLOURS = ("#00708c", "#e07b00", "#8a8a8a", "#b39ddb")


def draw(report: dict[str, Any], path: Path) -> None:
    """Read rates by difficulty, films read, time to read, and ms a frame."""
    figure, axes = plt.subplots(2, 2, figsize=(15, 11), width_ratios=(1.7, 1))
    _rates(axes[0][0], report["stills"])
    _films(axes[0][1], report["films"], "read", "share of moving badges read", 1)
    _times(axes[1][0], report["stills"])
    _films(axes[1][1], report["films"], "ms_to_read", "ms from full view to text (p50)", None)
    figure.tight_layout()
    figure.savefig(path, dpi=90)
    plt.close(figure)


def _rates(axis: Any, stills: dict[str, Any]) -> None:
    names = list(stills)
    keys = list(stills[names[0]]["by_difficulty"])
    bars = {f"{names[0]}, held 8 frames": [_part(stills, names[0], k, "read_held") for k in keys]}
    bars |= {name: [_part(stills, name, k, "read") for k in keys] for name in names}
    _grouped(axis, bars, keys, ("#66b2c4", *COLOURS))
    axis.set_title("door frames read")


def _part(stills: dict[str, Any], name: str, key: str, what: str) -> float:
    return float(stills[name]["by_difficulty"][key][what])


def _films(axis: Any, films: dict[str, Any], what: str, title: str, most: float | None) -> None:
    kinds = list(next(iter(films.values())))
    bars = {}
    for name, parts in films.items():
        values = [parts[kind][what] for kind in kinds]
        bars[name] = [v["p50"] if isinstance(v, dict) else v or 0.0 for v in values]
    _grouped(axis, bars, kinds, COLOURS)
    axis.set_title(title)
    axis.set_xlim(0, most)


def _times(axis: Any, stills: dict[str, Any]) -> None:
    names = list(stills)
    keys = [f"{size}, {p}" for size in stills[names[0]]["cpu_ms"] for p in ("p50", "p95", "p99")]
    bars = {
        name: [part[p] for part in stills[name]["cpu_ms"].values() for p in ("p50", "p95", "p99")]
        for name in names
    }
    _grouped(axis, bars, keys, COLOURS)
    axis.set_xscale("log")
    axis.set_title("CPU ms a frame")


def _grouped(
    axis: Any, bars: dict[str, list[float]], keys: list[str], colours: tuple[str, ...]
) -> None:
    """Horizontal bars, as their names are long; the first key is on top."""
    rows, height = np.arange(len(keys)), 0.8 / len(bars)
    for number, (name, values) in enumerate(bars.items()):
        offset = rows - 0.4 + height * (number + 0.5)
        axis.barh(offset, values, height, label=name, color=colours[number])
    axis.set_yticks(rows, keys)
    axis.invert_yaxis()
    axis.grid(axis="x", alpha=0.3)
    axis.legend(fontsize=8, loc="upper center", bbox_to_anchor=(0.5, -0.05), ncols=len(bars))
