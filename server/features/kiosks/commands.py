import os
from collections.abc import Sequence
from pathlib import Path

import click

from server.console import BY, Commands, count, event_option, opened, wall_clock
from server.core.alerts import operations
from server.core.event.calendar import ago
from server.core.event.directory import Event
from server.core.event.processes import own_version
from server.core.kiosks import phones, registry
from server.storage.database import Database
from server.storage.localized import names_of, text_in


@click.group(cls=Commands)
def kiosk() -> None:
    """Add, confirm and retire the kiosks at the doors."""


@kiosk.command()
@click.argument("name", metavar="KIOSK")
@click.argument("door", metavar="DOOR")
@click.option("--phone", is_flag=True, help="For a phone: print the link to open on it.")
@event_option
def add(name: str, door: str, phone: bool, event_dir: Path) -> None:
    """Create KIOSK at DOOR (a code of the venue), and print the code that enrols a device as this
    kiosk.

    The code can be used once, within 15 minutes. On the device:

        hallkeeper-kiosk enrol --dir DIR --code CODE
    """
    with opened(event_dir) as (event, database):
        settings = event.settings
        address = phones.address(settings) if phone else (settings.public_host, settings.port)
        code = database.write(
            lambda db: registry.add_kiosk(
                db, event, name, door, address=address, by=BY, now=wall_clock(), random=os.urandom,
                device=registry.PHONE if phone else None,
            )
        )  # fmt: skip
    click.echo(phones.link(settings, code) if phone else code.text())
    what = "Open this on the phone" if phone else "Enter this on the device"
    click.echo(f"{what} within 15 minutes. Then: hallkeeper kiosk confirm {name}", err=True)


@kiosk.command("list")
@event_option
def list_kiosks(event_dir: Path) -> None:
    """List every kiosk with its door, state, last contact, places held, and scans not sent yet.

    Held places count as people in the hall until the kiosk reports on them. Places and scans are as
    last reported; a connected kiosk reports every five seconds.
    """
    with opened(event_dir) as (_, database):
        rows = registry.kiosks(database.reader)
        holdings = registry.holdings(database.reader)
    if not rows:
        click.echo("There are no kiosks. Add one: hallkeeper kiosk add KIOSK DOOR")
    now = wall_clock()
    for row in rows:
        hall = text_in(names_of(row.hall_names), "en")
        seen = "never heard" if row.seen_at is None else f"heard {ago(row.seen_at, now)}"
        state = f"{row.state} phone" if row.is_phone else row.state
        state = state if row.is_understood else f"{state}, WRONG VERSION"
        words = f", words: {row.words}" if row.state == "proven" else ""
        click.echo(
            f"{row.kiosk}/{row.generation}  {row.door_code} ({hall})  {state}, {seen}{words}"
        )
        held = holdings.get((row.kiosk, row.generation), [])
        if held or row.waiting or row.state == "active":
            version = f"; version {row.software}" if row.software else ""
            click.echo(f"    {_places(row, held)}; {_waiting(row, now)}{version}")
        if not row.is_understood:
            click.echo(f"    {operations.wrong_version(row)}")
    others = registry.of_other_versions(rows)
    if others:
        click.echo(
            f"The server has version {own_version()}. Of another version: {', '.join(others)}."
        )


def _places(row: registry.KioskRow, held: Sequence[registry.Holding]) -> str:
    parts = []
    for holding in held:
        there = "" if holding.hall_id == row.hall_id else f" in {holding.hall_code}"
        used = holding.held - holding.free
        parts.append(f"holds {count(holding.held, 'place')}{f' ({used} used)' if used > 0 else ''}")
        parts[-1] += (
            f" and {count(holding.overrides, 'override place')}" if holding.overrides else ""
        )
        parts[-1] += there
    return ", ".join(parts) or "holds no places"


def _waiting(row: registry.KioskRow, now: int) -> str:
    if row.reported_at is None:
        return "has reported nothing yet"
    return f"{count(row.waiting, 'scan')} waiting, as of {ago(row.reported_at, now)}"


@kiosk.command()
@click.argument("name", metavar="KIOSK")
@event_option
@click.option("--yes", is_flag=True, help="The six words have been compared already.")
def confirm(name: str, event_dir: Path, yes: bool) -> None:
    """Activate KIOSK, after comparing its screen's six words with this command's."""
    with opened(event_dir) as (event, database):
        words = _words(database, name)
        click.echo(f"The screen of {name} must show:  {words}")
        if not yes:
            click.confirm("Does it?", abort=True)
        _confirm_same(event, database, name, words)
    click.echo(f"{name} may admit people now.")


def _words(database: Database, name: str) -> str:
    for row in registry.kiosks(database.reader):
        if row.kiosk == name and row.state == "proven" and row.words:
            return row.words
    raise registry.KioskError(
        f"no device has shown the code of kiosk {name!r} yet; enter the code there first"
    )


def _confirm_same(event: Event, database: Database, name: str, words: str) -> None:
    """Confirm the device with the compared words, unless another has replaced it."""
    if _words(database, name) != words:
        raise registry.KioskError(f"another device has shown a code of {name!r}; compare again")
    database.write(lambda db: registry.confirm(db, event, name, by=BY, now=wall_clock()))


@kiosk.command()
@click.argument("name", metavar="KIOSK")
@event_option
def retire(name: str, event_dir: Path) -> None:
    """Retire KIOSK. Once it hears of it, it admits no one and hands in its journal."""
    with opened(event_dir) as (_, database):
        database.write(lambda db: registry.retire(db, name, by=BY, now=wall_clock()))
    click.echo(
        f"{name} is retired. "
        "Two people attest its places on the hall's page, or the hall is counted as empty."
    )
