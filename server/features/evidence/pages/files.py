"""Compares uploaded exports of the entry log, and makes exports.

A worker process does both, because they take long and read untrusted files.
"""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from flask import Blueprint, Response, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from badges.i18n import N_
from badges.transparency.signed_note import verifier_key
from server.core.entry_log import entry_log
from server.core.entry_log.act_names import Act
from server.core.venue import store
from server.features.evidence import compare as comparing
from server.features.evidence import export as exporting
from server.features.evidence.compare import CompareError, Comparison
from server.features.evidence.records import DamagedLogError
from server.features.evidence.selection import SelectionError, selected
from server.features.evidence.witnesses.worker import Confirming
from server.web import auth, forms, i18n
from server.web.apart import ApartError, read_apart, read_file_apart
from server.web.security import limiter
from server.web.services import services

blueprint = Blueprint("log_files", __name__, url_prefix="/admin/log")

# Both files together. Larger exports are compared with `hallkeeper audit compare`.
SENT_BYTES_MAX = 64_000_000
# Witnesses and authority are asked before an export; late answers are ignored.
CONFIRMED_WITHIN_S = 5.0
TOO_LARGE = N_(
    "Two exports may have %(size)s MB together here. Compare larger ones with "
    "“hallkeeper audit compare”, which needs no server."
)
VERDICTS = {
    comparing.SAME: N_("The same log, with the same entries"),
    comparing.BEGINNING: N_("The same log: one is the beginning of the other"),
    comparing.FORK: N_("A fork: two histories of one log"),
    comparing.OTHER: N_("Logs of two different keys"),
}


@blueprint.get("/compare")
@auth.allow("auditor")
def compare() -> str:
    return render_template("log/compare.html", found=None, problem="")


@blueprint.post("/compare")
@limiter.limit("20 per 5 minutes", key_func=auth.actor)
@auth.allow("auditor")
@auth.takes_file(SENT_BYTES_MAX, TOO_LARGE)
def compared() -> tuple[str, int]:
    comparison, problem, status = None, "", 400
    try:
        comparison = _compared()
    except CompareError as error:
        problem = i18n.said(error)
    except ApartError as error:
        problem, status = i18n.said(error), 503
    shown = render_template(
        "log/compare.html", found=comparison, problem=problem, verdicts=VERDICTS, names=comparing
    )
    return shown, status if problem else 200


def _compared() -> Comparison:
    here = services()
    with TemporaryDirectory(prefix="hallkeeper-") as folder:
        paths = []
        for name in ("one", "other"):
            sent = request.files.get(name)
            if sent is not None and sent.filename:
                path = Path(folder) / f"{name}.zip"
                sent.save(path)
                paths.append(path)
        if not paths:
            raise CompareError(N_("Nothing was sent: choose an export first."))
        if len(paths) == 2:
            both = partial(comparing.compare_beside, first=paths[0], second=paths[1])
            return read_file_apart(here.database.path, both)
        key = verifier_key(here.event.log_name, here.event.log_key.public)
        read = partial(comparing.compare_with_log, path=paths[0], log=here.event.log_name, key=key)
        return read_file_apart(here.database.path, read)


@blueprint.get("/export")
@auth.allow("auditor")
@auth.with_form_to("admin.log_files.export")
def form() -> str:
    here = services()
    db = here.database.reader
    return render_template(
        "log/export.html",
        size=entry_log.size(db),
        halls=store.halls(db),
        key=verifier_key(here.event.log_name, here.event.log_key.public),
    )


@blueprint.post("/export.zip")
@limiter.limit("10 per 5 minutes", key_func=auth.actor)
@auth.allow("auditor")
@auth.confirmed
def export() -> AnyResponse:
    """Make an export, send it, and log it as a staff action."""
    here, by, back = services(), auth.actor(), url_for("admin.log_files.form")
    given = {name: request.form.get(name, "").strip() or None for name in ("hall", "day", "badge")}
    try:
        chosen = selected(here.database.reader, here.event, **given)
    except SelectionError as error:
        return forms.turn_back(i18n.said(error), back)
    subject: dict[str, str | int | None] = {"selection": chosen.text.split()[0], **chosen.ids}
    here.database.write(lambda db: entry_log.act(db, by, Act.LOG_EXPORTED, subject, here.now()))
    confirming = here.find(Confirming)
    if confirming is not None:
        confirming.confirm_within(CONFIRMED_WITHIN_S)
    folder = TemporaryDirectory(prefix="hallkeeper-")
    out = Path(folder.name) / "entry-log.zip"
    make = partial(
        exporting.export_beside, event_dir=here.event.path, out=out, chosen=chosen, now=here.now(),
        court=request.form.get("court") == "yes",
    )  # fmt: skip
    try:
        read_apart(here.database.path, make)
    except (ApartError, exporting.ExportError, DamagedLogError) as error:
        folder.cleanup()
        return forms.turn_back(i18n.said(error), back)
    headers = {
        "Content-Disposition": 'attachment; filename="entry-log.zip"',
        "Content-Length": str(out.stat().st_size),
    }
    return Response(_sent(out, folder), mimetype="application/zip", headers=headers)


def _sent(out: Path, folder: "TemporaryDirectory[str]") -> Iterator[bytes]:
    try:
        with out.open("rb") as file:
            while piece := file.read(1 << 18):
                yield piece
    finally:
        folder.cleanup()
