import shutil
import tarfile
import threading
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from flask import (
    Blueprint,
    current_app,
    flash,
    redirect,
    render_template,
    request,
    url_for,
)
from werkzeug.wrappers import Response

from badges.i18n import Phrase
from server.core.entry_log import entry_log
from server.core.entry_log.act_names import Act
from server.core.event.settings import EventError
from server.core.second_disk.copy import backups, make_backup, prune
from server.features.backup import disks
from server.features.backup.sending import Sending
from server.storage.database_file import NO_FILE
from server.web import auth, forms, i18n
from server.web.downloads import send_path
from server.web.i18n import gettext as _
from server.web.jobs import JobError, OwnJob, State, jobs_of
from server.web.services import Services, keep_services, services

blueprint = Blueprint("backup", __name__, url_prefix="/admin/backup")

TO_DISK, TO_DOWNLOAD = "backup to the second disk", "backup to download"
SHOWN = 20
RESTART_S = 1.0  # so that the answer arrives before


@blueprint.get("")
@auth.allow()
@auth.with_form_to("admin.backup.choose")
def show() -> str:
    return _page()


def _page(typed: str | None = None) -> str:
    here = services()
    status = here.backup_status
    existing = []
    if status is not None and status.directory.is_dir():
        existing = backups(status.directory)[::-1]
    others = disks.other_disks(here.event)
    return render_template(
        "backup.html",
        status=status,
        made=existing[:SHOWN],
        total=len(existing),
        chosen=here.event.settings.backup_dir,
        in_postgresql=here.event.in_postgresql,
        no_file=Phrase(NO_FILE),
        others=others,
        sending=here.find(Sending),
        typed=typed,
        proposal=str(others[0].path / "hallkeeper") if others else "",
        to_disk=jobs_of(here).find(TO_DISK),
        to_download=jobs_of(here).find(TO_DOWNLOAD),
        download_is_here=jobs_of(here).own(TO_DOWNLOAD) is not None,
        by=auth.actor(),
        in_use=here.event.backup_path == (status.directory if status else None),
    )


@blueprint.post("/disk")
@auth.allow()
@auth.confirmed
def choose() -> Response | tuple[str, int]:
    """Set the backup directory, and restart the server, which then uses it."""
    here, by = services(), auth.actor()
    name = request.form.get("directory", "").strip()
    try:
        event = disks.choose(here.event, here.database, name, by=by, now=here.now())
    except EventError as error:
        flash(forms.unchanged(error), "bad")
        return _page(name), 400
    keep_services(
        current_app._get_current_object(),  # type: ignore[attr-defined]  # a proxy
        replace(services(), event=event),
    )
    if here.backups is not None and event.backup_path is not None:
        here.backups.move_acts(event.backup_path)
    _restart(here)
    return redirect(url_for("admin.backup.show"), 303)


def _restart(here: Services) -> None:
    if here.restart is None:
        flash(_("Saved. It is used from the server's next start on."), "warn")
        return
    threading.Timer(RESTART_S, here.restart).start()
    flash(_("Saved. The server starts again now, which takes some seconds. Doors go on."), "good")


@blueprint.post("/now")
@auth.allow()
def back_up() -> Response:
    here = services()
    if here.backups is None:
        return forms.turn_back(_("Choose a second disk first."), url_for("admin.backup.show"))
    return _start(here, TO_DISK, _to_disk, "")


@blueprint.post("/make")
@auth.allow()
@auth.confirmed
def make() -> Response:
    back = url_for("admin.backup.show")
    if request.form.get("confirm") != "yes":
        return forms.turn_back(_("Nothing was created: tick the box first."), back)
    return _start(services(), TO_DOWNLOAD, _to_download, "hallkeeper-backup.tar")


@blueprint.post("/cancel")
@auth.allow()
def cancel() -> Response:
    jobs_of(services()).cancel(TO_DOWNLOAD)
    return redirect(url_for("admin.backup.show"), 303)


@blueprint.post("/backup.tar")
@auth.allow()
@auth.confirmed
def download() -> Response:
    """Send the backup to the user who made it, and log the download."""
    here, by = services(), auth.actor()
    job = jobs_of(here).own(TO_DOWNLOAD)
    if job is None or job.state is not State.READY or job.by != by:
        return forms.turn_back(
            _("There is no such file any more: make it again."), url_for("admin.backup.show")
        )
    subject = {"megabytes": -(-job.path.stat().st_size // 1_000_000)}
    response = send_path(
        job.path, mimetype="application/x-tar", as_attachment=True, download_name=job.name
    )
    # Logged before it is sent, so that nobody gets the keys and names by breaking it off.
    here.database.write(lambda db: entry_log.act(db, by, Act.BACKUP_MADE, subject, here.now()))
    return response


def _start(
    here: Services, kind: str, work: Callable[[Services, OwnJob], object], name: str
) -> Response:
    back = url_for("admin.backup.show")
    try:
        jobs_of(here).start(kind, auth.actor(), partial(work, here), name=name)
    except JobError as error:
        return forms.turn_back(i18n.said(error), back)
    return redirect(back, 303)


def _to_disk(here: Services, job: OwnJob) -> object:
    directory = here.event.backup_path
    assert directory is not None
    backup = make_backup(here.event, directory, here.now(), progress=job.tell)
    prune(directory)
    subject = {"directory": str(backup.path)}
    here.database.write(lambda db: entry_log.act(db, job.by, Act.BACKUP_MADE, subject, here.now()))
    return backup


def _to_download(here: Services, job: OwnJob) -> object:
    folder = job.path.with_name(f"{job.path.name}.making")
    folder.mkdir(mode=0o700)
    try:
        backup = make_backup(here.event, folder, here.now(), progress=job.tell)
        job.path.touch(mode=0o600, exist_ok=False)
        with tarfile.open(job.path, "w") as tar:
            tar.add(backup.path, arcname=backup.path.name, filter=partial(_go_on, job))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return backup


def _go_on(job: OwnJob, member: tarfile.TarInfo) -> tarfile.TarInfo:
    job.tell(job.done, job.total)
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    return member
