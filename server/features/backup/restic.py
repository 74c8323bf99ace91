"""A restic repository: it takes copies of backups elsewhere, encrypted, and gives them back.

restic is a system package, called as a process. Its password is in a file that only the server's
user can read, and credentials for S3 are in the server's environment. Neither is an argument, and
neither is logged.
"""

import os
import re
import signal
import subprocess
from datetime import datetime
from pathlib import Path

import msgspec

from badges.i18n import N_
from server.core.event.directory import SETTINGS_FILE, Event, check_private
from server.core.event.settings import EventError

PASSWORD_FILE = "restic.password"  # in the event's keys
ANSWER_S = 30.0  # for its list of copies; restic itself tries for a quarter of an hour
COPY_S = 6 * 3600.0
# Copies to keep, as in backup_dir: the newest, and the last of each day.
KEEP = ("--keep-last", "12", "--keep-daily", "400")
HOST = "hallkeeper"  # the same name after a restore on another computer

_SECRET = re.compile(r"(?<=://)[^/@]*@")
# Exit statuses of restic 0.17 and newer, and parts of the message for earlier versions.
_CAUSES = (
    (12, r"wrong password",
     N_("%(file)s is not the password of the repository %(repository)s.")),
    (11, r"already locked|unable to create lock",
     N_("Another restic command has locked the repository %(repository)s. Wait for its end. If it"
        " was ended by force, run `restic unlock`.")),
    (-1, r"no space left|quota exceeded|disk full",
     N_("The repository %(repository)s is full.")),
    (-1, r"resolve hostname|no such host|connection refused|connection timed out|unreachable"
         r"|no route to host|sftp session|dial tcp",
     N_("The repository %(repository)s does not answer. Is its computer on, and can this one reach"
        " it?")),
    (10, r"is there a repository",
     N_("There is no restic repository at %(repository)s. Make it once, with `restic init`.")),
    (-1, r"no snapshot found|no matching id",
     N_("The repository %(repository)s has no such copy of this event.")),
)  # fmt: skip


class RepositoryError(EventError):
    """The repository could not be used. The text has the reason, without secrets."""


class Snapshot(msgspec.Struct, frozen=True):
    """A copy in the repository. `paths` has the directory of the backup."""

    short_id: str
    time: datetime
    paths: list[str]


class Repository:
    def __init__(self, address: str, password_file: Path, tag: str = "") -> None:
        """`address` is as restic takes it: a directory, sftp:…, s3:…. `tag` is that of the event's
        copies; "" for all.
        """
        self._address, self._password_file, self._tag = address, password_file, tag
        self._child: subprocess.Popen[bytes] | None = None
        self._stopped = False

    @property
    def shown(self) -> str:
        """The address without a password."""
        return _SECRET.sub("", self._address)

    def snapshots(self) -> list[Snapshot]:
        """Oldest first. Raises RepositoryError, also if it does not answer soon."""
        output = self._run("snapshots", "--no-lock", "--json", *self._tagged, timeout_s=ANSWER_S)
        return msgspec.json.decode(output, type=list[Snapshot])

    def send(self, backup: Path) -> None:
        self._run("backup", "--quiet", "--host", HOST, *self._tagged, str(backup))

    def forget_old(self) -> None:
        """Delete all but the copies to keep. Locks of commands that ended by force are removed."""
        self._run("unlock", "--quiet")
        keeps = ("--group-by", "host,tags", *KEEP)
        self._run("forget", "--quiet", "--prune", *self._tagged, *keeps)

    def latest(self) -> Snapshot:
        """Raises RepositoryError if there is none, or if copies of several events are there."""
        copies = self.snapshots()
        if not copies:
            raise self._error(1, "no snapshot found")
        newest = {Path(copy.paths[0]).parent: copy for copy in copies}
        if len(newest) > 1:
            listed = ", ".join(f"{copy.short_id} ({copy.paths[0]})" for copy in newest.values())
            raise RepositoryError(
                N_("The repository has copies of several directories. Name one of them with"
                   " --snapshot: %(copies)s."),
                copies=listed,
            )  # fmt: skip
        return copies[-1]

    def fetch(self, snapshot: str, into: Path) -> Path:
        """Write a copy below `into`, and return the backup's directory there."""
        self._run("restore", snapshot, "--quiet", "--target", str(into))
        found = next(into.rglob(SETTINGS_FILE), None)
        if found is None:
            raise RepositoryError(
                N_("The copy in the repository %(repository)s is no backup of an event."),
                repository=self.shown,
            )
        return found.parent

    def stop(self, *, stopped: bool = True) -> None:
        """End the present command, on another thread, and all later ones until `stopped` is
        False.
        """
        self._stopped = stopped
        if stopped and self._child is not None:
            self._child.terminate()

    @property
    def _tagged(self) -> tuple[str, ...]:
        return ("--tag", self._tag) if self._tag else ()

    def _run(self, *words: str, timeout_s: float = COPY_S) -> bytes:
        if not self._password_file.is_file():
            raise RepositoryError(
                N_("There is no file %(file)s with the password of the repository."),
                file=self._password_file,
            )
        check_private(self._password_file)
        environment = {
            **os.environ,
            "RESTIC_REPOSITORY": self._address,
            "RESTIC_PASSWORD_FILE": str(self._password_file),
        }
        try:
            # Its own session, so that ssh asks nobody for a password.
            self._child = subprocess.Popen(
                ["restic", "--no-cache", *words], env=environment, stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
            )  # fmt: skip
        except OSError:
            raise RepositoryError(
                N_("restic is not installed on the server: `apt install restic`.")
            ) from None
        if self._stopped:
            self._child.terminate()
        try:
            output, errors = self._child.communicate(timeout=timeout_s)
        except subprocess.TimeoutExpired:
            os.killpg(self._child.pid, signal.SIGKILL)
            self._child.communicate()
            raise self._error(1, "connection timed out") from None
        status = self._child.returncode
        if status:
            raise self._error(status, errors.decode(errors="replace"))
        return output

    def _error(self, status: int, message: str) -> RepositoryError:
        values = {"repository": self.shown, "file": self._password_file}
        for code, pattern, words in _CAUSES:
            if status == code or re.search(pattern, message, re.IGNORECASE):
                return RepositoryError(words, **values)
        lines = [line for line in message.splitlines() if line.startswith("Fatal: ")]
        why = _SECRET.sub("", lines[-1].removeprefix("Fatal: ")) if lines else str(status)
        return RepositoryError(
            N_("restic failed at the repository %(repository)s: %(why)s"),
            repository=self.shown, why=why,
        )  # fmt: skip


def repository_of(event: Event) -> Repository | None:
    """Return the event's repository, or None without one."""
    address = event.settings.backup_repository
    if address is None:
        return None
    return Repository(
        address, event.path / "keys" / PASSWORD_FILE, f"hallkeeper-{event.event_id.hex()}"
    )
