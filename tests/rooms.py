"""Holds the table of rooms, and prints it (`python -m tests.rooms`).

A room is a folder of Python files, or one file at the top of a package. It may use only rooms that
stand further down in its package's list. tests/test_rooms.py keeps it true.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

from tests.once.sources import source

ROOT = Path(__file__).parent.parent
FILES_MAX = 14  # Python files in one folder; about 12 are meant

# Room: what lives there. Each may use those below it.
ROOMS: dict[str, dict[str, str]] = {
    "badges": {
        "cli": "`hallkeeper-badges`, and the only senses of this package",
        "printing": "cards, fonts and QR symbols",
        "roster": "rosters as files, checked",
        "wire": "what doors and server say to each other",
        "places": "the protocol of places",
        "admission": "the decision, and its words",
        "transparency": "proofs about the entry log",
        "credential": "the signed statement in a badge's QR",
        "settings_check": "settings files against the types of their settings",
        "po": "catalogues of translations as translators write them",
        "i18n": "marking texts for translation",
        "categories": "the categories that every event begins with",
        "colours": "which colours people can't tell apart",
        "record": "one line of a kiosk's journal",
    },
    "kiosk": {
        "cli": "`hallkeeper-kiosk`",
        "run": "builds the kiosk",
        "screen": "the staff's page on loopback",
        "eye": "the loop from picture to answer",
        "supervisor": "what a supervisor may do at the door",
        "door": "from a code's text to an answer on disk",
        "sync": "the talk with the server",
        "replica": "the kiosk's copy of the server's facts",
        "journal": "the kiosk's own scans and places, on disk",
        "health": "how the machine is",
        "reader": "from a picture to codes",
        "camera": "from a camera to pictures",
        "pictures": "OpenCV, loaded once",
        "relay": "a turnstile or a lock",
        "config": "the kiosk's directory",
        "texts": "messages and their languages",
        "clock": "the machine's clocks",
    },
    "server": {
        "demo": "a made-up forum, played here",
        "cli": "`hallkeeper`",
        "web": "what answers requests",
        "machines": "tokens and webhooks, for other machines",
        "privacy": "one person's data, exported and erased, and how long records are kept",
        "desk": "what the badge desk does, and how quickly",
        "editing": "what staff change by hand, previews and undoing",
        "rehearsal": "what the doors would answer, before anybody comes",
        "inquiry": "who is inside, who has not come, one person's story, what needs a look",
        "troubles": "what staff should look at now, and who looks after it",
        "mail": "mails to attendees, and what became of them",
        "wallet": "programmes and badges for attendees' own calendars and wallets",
        "audit": "the entry log proven to strangers",
        "ledger": "every scan, once, and all that follows",
        "muster": "who is in which hall in an evacuation, and who was seen since",
        "backup": "copies on a second disk, and what comes back from them",
        "setup": "rosters, venues and new events",
        "kiosks": "kiosks, and what they must know",
        "printers": "printers of the badge desks, and their jobs",
        "programme": "activities, speakers, organisations, the exhibition",
        "people": "attendees and their badges",
        "occupancy": "who is in which hall, and who holds which places",
        "venue": "halls, doors, sessions and rules",
        "staff": "users, passwords, PINs",
        "witnesses": "who confirms the entry log from outside",
        "event": "an event's directory and clock",
        "feed": "changes that kiosks must hear of",
        "entry_log": "every scan and act as a leaf",
        "outgoing": "other machines asked over HTTP, within bounds",
        "storage": "the database and durable files",
        "words": "the words of pages and mails in every language",
    },
}
# What each package may use of another.
PACKAGES_BELOW = {"badges": (), "kiosk": ("badges",), "server": ("badges",)}
# Who may, beyond the table, and why.
EXCEPTIONS = {
    ("server/cli/main.py", "server/demo"): "the command `demo`, which imports it when it is called",
}


def sources(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def room_of(file: str) -> str:
    """Return the room of a file by its name from the root, such as `server/web`."""
    package, _, rest = file.partition("/")
    return f"{package}/{rest.partition('/')[0].removesuffix('.py')}"


def imports(path: Path, modules: dict[str, str]) -> Iterator[tuple[str, int]]:
    """Yield each file of ours that a file imports, wherever in it, and the line."""
    for statement in source(path).imports:
        for names in statement.modules():
            found = next((modules[one] for one in names if one in modules), None)
            if found is not None:
                yield found, statement.line


def modules() -> dict[str, str]:
    """Return each module's file by its dotted name."""
    files = [name(path) for package in ROOMS for path in sources(package)]
    return {
        file.removesuffix(".py").removesuffix("/__init__").replace("/", "."): file for file in files
    }


def uses() -> dict[str, set[str]]:
    """Return which rooms each room uses."""
    known = modules()
    found: dict[str, set[str]] = {}
    for file in known.values():
        mine = found.setdefault(room_of(file), set())
        mine |= {room_of(other) for other, _ in imports(ROOT / file, known)} - {room_of(file)}
    return found


def main() -> None:
    used = uses()
    for package, rooms in ROOMS.items():
        sys.stdout.write(f"{package}: a room uses only rooms below it\n")
        for room, what in rooms.items():
            files = [one for one in sources(package) if room_of(name(one)) == f"{package}/{room}"]
            inside = sorted(one.split("/")[1] for one in used.get(f"{package}/{room}", ())
                            if one.startswith(f"{package}/"))  # fmt: skip
            sys.stdout.write(f"  {room:13} {len(files):3} files  {what}\n")
            if inside:
                sys.stdout.write(f"  {'':13} uses {', '.join(inside)}\n")


if __name__ == "__main__":
    main()
