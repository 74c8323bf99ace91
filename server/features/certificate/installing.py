"""Installs an uploaded certificate, or serves the event's own again."""

import tempfile
from collections.abc import Mapping
from pathlib import Path

from server.core.entry_log import entry_log
from server.core.entry_log.act_names import Act
from server.core.event import served
from server.core.event.directory import Event, load_event
from server.core.event.served import CertificateError, Checked
from server.storage import durable_files
from server.storage.database import Database


def read_files(event: Event, files: Mapping[str, bytes], now: int) -> Checked:
    """Check the uploaded certificate.pem, private.key and perhaps chain.pem. Raises
    CertificateError. Meanwhile they are in a private folder.
    """
    with tempfile.TemporaryDirectory(dir=event.path / "keys") as name:
        folder = Path(name)
        for file, data in files.items():
            durable_files.write_new(folder / file, data)
        chain = folder / "chain.pem"
        try:
            return served.read_certificate(
                folder / "certificate.pem",
                folder / "private.key",
                chain if chain.name in files else None,
                event.settings,
                now,
            )
        except CertificateError as error:
            fields = {
                key: value.name if isinstance(value, Path) else value
                for key, value in error.fields.items()
            }
            raise CertificateError(error.text, **fields) from None


def install(
    event: Event, database: Database, checked: Checked | None, *, by: str, now: int
) -> Event:
    """Serve this certificate from the next start, the event's own if None. If it can't be logged,
    nothing has changed. Raises EventError, OSError or an error of the database.
    """
    served.install(
        event,
        database,
        checked,
        lambda db, fingerprint: entry_log.act(
            db, by, Act.CERTIFICATE_SET, {"fingerprint": fingerprint}, now
        ),
    )
    return load_event(event.path)
