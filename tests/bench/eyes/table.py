"""The figures as plain text."""

from collections.abc import Sequence
from typing import Any

from tests.bench.eyes.engines import SLOW

Cell = str | float | int | None


def table(head: Sequence[str], rows: Sequence[Sequence[Cell]]) -> str:
    """Aligned columns: the first to the left, the others to the right."""
    cells = [list(head)] + [[_text(cell) for cell in row] for row in rows]
    widths = [max(len(row[column]) for row in cells) for column in range(len(head))]
    lines = []
    for row in cells:
        first, *others = (cell for cell in row)
        right = [cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True)]
        lines.append("  ".join([first.ljust(widths[0]), *right]).rstrip())
    return "\n".join(lines)


def _text(cell: Cell) -> str:
    if cell is None:
        return "-"
    return f"{cell:.1f}" if isinstance(cell, float) else str(cell)


def percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.1f} %"


def text_of(report: dict[str, Any]) -> str:
    return "\n\n".join(
        [
            _stills(report["stills"]),
            _films(report["films"]),
            _times(report["stills"]),
            _pipeline(report["pipeline"]),
        ]
    )


def _stills(stills: dict[str, Any]) -> str:
    names = list(stills)
    ours = stills[names[0]]
    rows: list[list[Cell]] = []
    for key in ours["by_difficulty"]:
        parts = [stills[name]["by_difficulty"][key] for name in names]
        rates = [percent(part["read"]) for part in parts]
        rows.append([key, percent(parts[0]["read_held"]), *rates])
    overall = [percent(stills[name]["read"]) for name in names]
    rows.append(["all", percent(ours["read_held"]), *overall])
    rows.append(["frames", ours["frames"], *[stills[name]["frames"] for name in names]])
    rows.append(["wrong reads", ours["wrong"], *[stills[name]["wrong"] for name in names]])
    return (
        f"Door frames read. `held`: within 8 frames of the same still. {' and '.join(SLOW)} are"
        " slow: they got every third still, and so are a third as sure.\n"
        + table(["difficulty", f"{names[0]}, held", *names], rows)
    )


def _films(films: dict[str, Any]) -> str:
    rows: list[list[Cell]] = []
    for name, kinds in films.items():
        for kind, part in kinds.items():
            frames, ms = part["frames_to_read"] or {}, part["ms_to_read"] or {}
            two = f"{part['of_them_read']} of {part['with_two_sharp_frames']}"
            figures = [frames.get("p50"), ms.get("p50"), ms.get("p95")]
            rows.append([f"{name}: {kind}", part["films"], percent(part["read"]), two, *figures])
            rows[-1].append(part["wrong"])
    head = ["moving badges, 30 fps", "films", "read", "with 2 sharp frames"]
    return "From first full view to the text, of the films that were read.\n" + table(
        [*head, "frames p50", "ms p50", "ms p95", "wrong"], rows
    )


def _times(stills: dict[str, Any]) -> str:
    rows: list[list[Cell]] = []
    for name, part in stills.items():
        for size, wall in part["wall_ms"].items():
            cpu = part["cpu_ms"][size]
            rows.append([f"{name}, {size}", *wall.values(), *cpu.values()])
    head = ["ms a frame of the stills", "p50", "p95", "p99", "CPU p50", "CPU p95", "CPU p99"]
    return table(head, rows)


def _pipeline(pipeline: dict[str, Any]) -> str:
    rows: list[list[Cell]] = [
        [f"frame to commit, {part['size']}, {part['badges']} badges", *part["ms"].values()]
        for part in pipeline["frame_to_commit"]
    ]
    rows += [
        [f"CPU of a badge in 3 frames and its commit, {part['size']}", *cpu.values()]
        for part in pipeline["frame_to_commit"]
        if (cpu := part["cpu_ms_a_badge"])
    ]
    rows.append(["a bare fsync of 8 kB on that disk", *pipeline["fsync_ms"].values()])
    shares = [
        f"CPU of a door at {part['size']} and 30 fps, {part['state']}:"
        f" {100 * part['cpu_per_s']:.0f} % of a core"
        f" ({100 * part['of_it_decoding_jpeg']:.0f} % decode the JPEG)"
        for part in pipeline["cpu"]
    ]
    load = f"Other load meanwhile: {pipeline['load_before']:.1f} to {pipeline['load_after']:.1f}"
    return "\n".join([table(["ms", "p50", "p95", "p99"], rows), *shares, load])
