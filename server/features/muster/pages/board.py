"""The running muster on the board."""

from flask import render_template

from server.core.muster import muster
from server.features.muster import lists
from server.web.services import services


def notice() -> str:
    """Return the notice as HTML, "" if no muster is on."""
    db = services().database.reader
    on = muster.current(db)
    if on is None:
        return ""
    counts = lists.counts(db, on.muster_id)
    total = {name: counts.total(name) for name in ("listed", "missing", "doubtful", "out", "seen")}
    return render_template("muster/board.html", muster=on, total=total)
