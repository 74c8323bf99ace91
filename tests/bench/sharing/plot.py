"""The figures of sharing_cost as a picture."""

from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot

COLOURS = ("#8c8c8c", "#bdbdbd", "#b2182b", "#ef8a62", "#08519c", "#3182bd", "#41ab5d", "#a1d99b")


def draw(report: dict[str, Any], path: Path) -> None:
    """Refusals above, excess people below, a group of bars for each scenario."""
    results = report["results"]
    names = list(results[0]["policies"])
    width = 0.8 / len(names)
    figure, (refused, over) = pyplot.subplots(2, 1, figsize=(11, 7), sharex=True)
    for n, name in enumerate(names):
        at = [group + (n - len(names) / 2 + 0.5) * width for group in range(len(results))]
        rows = [one["policies"][name] for one in results]
        share = [row["wrongly_refused_percent"] for row in rows]
        refused.bar(at, share, width, color=COLOURS[n], label=name)
        over.bar(at, [row["over_worst"] for row in rows], width, color=COLOURS[n])
    refused.set_ylabel("% of arrivals refused\nthough the hall had room")
    over.set_ylabel("people over the capacity,\nworst run")
    refused.legend(ncols=4, fontsize=8, loc="lower center", bbox_to_anchor=(0.5, 1.0))
    labels = [
        f"demand {100 * one['load']:.0f} %\n"
        + ("whole hall cut off once" if one["outage"] else "single doors only")
        for one in results
    ]
    over.set_xticks(range(len(results)), labels)
    figure.tight_layout()
    figure.savefig(path, dpi=120)
    pyplot.close(figure)
