"""Lists the places outside the database's tables where a person's data may be, and those that hold
none, with the reason. `columns` lists the tables.

Erasure, retention and the tests read both. A test fails for a file, a cache or an object of a
server that is in neither list.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from server.core.event.directory import Event


class Fate(StrEnum):
    """What an erasure does with a file."""

    EMPTIED = "emptied"  # All files of the folder are deleted, since each may be about anybody.
    DROPPED = "dropped"  # Each server deletes its own (server/web/jobs.py).
    OF_PERSON = "of person"  # The files named after the person are deleted.
    REWRITTEN = "rewritten"  # without the erased data
    ASKED = "asked"  # Deleted if the admin asks for it.
    KEPT = "kept"  # Holds no person's data.


@dataclass(frozen=True)
class File:
    fate: Fate
    holds: str


# By the name in the event's directory. The database has files with these endings, too.
EVENT_FILES: Mapping[str, File] = {
    "hallkeeper.db": File(Fate.REWRITTEN, "the tables"),
    "hallkeeper.db-wal": File(Fate.REWRITTEN, "the tables' latest changes"),
    "hallkeeper.db-shm": File(Fate.KEPT, "positions in the latest changes"),
    "uploads": File(Fate.EMPTIED, "files that wait for their import"),
    "downloads": File(Fate.DROPPED, "cards and backups that were made to download"),
    "cards": File(Fate.OF_PERSON, "photos, and the organiser's design of the cards"),
    "mail": File(Fate.KEPT, "settings of mails, and the organiser's texts"),
    "wallet.toml": File(Fate.KEPT, "settings of wallets"),
    "translations": File(Fate.KEPT, "the organiser's own translations"),
    "event.toml": File(Fate.KEPT, "settings"),
    "keys": File(Fate.KEPT, "keys, certificates and passwords of the event"),
    "database.toml": File(Fate.KEPT, "the address of a database in PostgreSQL"),
    "database.seen": File(Fate.KEPT, "the newest state of that database"),
    "sign-on.secret": File(Fate.KEPT, "the secret of the identity provider"),
    "serving.lock": File(Fate.KEPT, "nothing: it is locked while a server runs"),
    "mailing.lock": File(Fate.KEPT, "nothing: it is locked while mails are sent"),
}
# By the name in the directory of backups. Backups are named after their time.
SECOND_DISK: Mapping[str, File] = {
    "backups": File(Fate.ASKED, "the event's directory as it was"),
    "acts.sqlite": File(Fate.REWRITTEN, "numbers of badges that became void"),
    "acts-unsure.sqlite": File(Fate.REWRITTEN, "likewise"),
}


def to_empty(event: Event) -> list[Path]:
    """Return the files that an erasure deletes whoever they are of."""
    folders = [event.path / name for name, file in EVENT_FILES.items() if file.fate is Fate.EMPTIED]
    return sorted(path for folder in folders if folder.is_dir() for path in folder.iterdir())


# What a running server keeps of people in memory, by class or function, and until when.
MEMORY: Mapping[str, str] = {
    "Jobs": "results and files of jobs: dropped by the erasure, at each server within a second",
    "Uploads": "previews of imports: dropped by the erasure",
    "SharedUploads": "previews of imports: no page shows them after the erasure, and within five"
    " seconds they are dropped",
    "latin_name": "names in Latin letters: forgotten within five seconds",
    "text_key": "names, for sorting: forgotten within five seconds",
    "_family": "single characters of names",
    "Shown": "parts of the board and of a muster: made anew within a second when a page asks",
    "HallScreens": "a hall's free places, without people",
    "Chosen": "numbers of people; their names are read each time",
    "AtOnce": "numbers of people whose mails wait; they are read again before a mail is sent",
    "Drawer": "one card while it is drawn, in a process of its own",
    "Heartbeats": "hashes of kiosks' messages",
}
# What else a running server keeps, and why no person's data is in it.
MEMORY_WITHOUT: Mapping[str, str] = {
    "settings and keys of the event": "CurrentRing ServerCertificate WalletCertificates Rates"
    " SharedRates _derived _parsed _signed _signed_number public_key",
    "halls, sessions, doors and totals": "HallStates Pieces Totals Watch WorkedOut shared_names",
    "states of servers, pages and threads": "Confirming Daily Finding Forgetting Held Sending"
    " own_version",
    "texts, numbers and templates of the program": "_bits _collator _compiled _decimal"
    " _description _day _digest _drawn _environment _known _layout _marked _remainders _rules"
    " _script _seen _sounds _template _time_zone _told_of _transliterator _understood _version"
    " compiled sample_files seconds_ago shipped",
    "statements and columns of the database": "_change_of_one _insertion _reading made_anew"
    " row_class translated",
    "countries and fonts": "_all_names _called _codes_by_name codes country_name coverage"
    " family_order installed _first_names none",
}
