from pathlib import Path

import click

from server.console import BY, Commands, count, event_option, opened, wall_clock
from server.core.event.directory import Event
from server.core.people import badge_keys
from server.core.people.badge_keys import KeyUse
from server.storage.connection import Connection
from server.storage.database import Database

_KEY = click.argument("key", type=click.IntRange(0, 255))
_YES = click.option("--yes", is_flag=True, help="Ask no question.")


@click.group(cls=Commands)
def keys() -> None:
    """List and change the keys that sign badges.

    If a key may be in wrong hands: add one, issue by it, give out new badges, and drop the old key.
    """


@keys.command("list")
@event_option
def list_keys(event_dir: Path) -> None:
    """List the keys that doors take, each with the standing badges that it has signed."""
    with opened(event_dir) as (event, database):
        _tell(_uses(database.reader, event))
        behind = badge_keys.kiosks_behind(database.reader)
    if behind:
        click.echo(f"Kiosks that have not taken these keys yet: {', '.join(behind)}")


@keys.command()
@event_option
def add(event_dir: Path) -> None:
    """Add a key. It signs nothing until `hallkeeper keys issue`."""
    with opened(event_dir) as (event, database):
        key_id = database.write(lambda db: badge_keys.add_key(db, event, by=BY, now=wall_clock()))
        _tell(_uses(database.reader, event))
    click.echo(f"Key {key_id} is added. Let it sign new badges: hallkeeper keys issue {key_id}")


@keys.command()
@_KEY
@_YES
@event_option
def issue(key: int, yes: bool, event_dir: Path) -> None:
    """Sign new badges by KEY from now on. Badges by other keys stay valid."""
    with opened(event_dir) as (event, database):
        found = _shown(database, event)
        if not yes:
            click.confirm(f"Sign new badges by key {key}?", abort=True)
        named = [use.as_listed for use in found]
        database.write(
            lambda db: badge_keys.issue_by(
                db, event, key, named, by=BY, with_=None, now=wall_clock()
            )
        )
    click.echo(f"Key {key} signs new badges from now on.")


@keys.command()
@_KEY
@_YES
@event_option
def drop(key: int, yes: bool, event_dir: Path) -> None:
    """Drop KEY for good: badges by it open no door any more. Who would be locked out is shown
    before.
    """
    with opened(event_dir) as (event, database):
        found = _shown(database, event)
        use = next((use for use in found if use.key_id == key), None)
        if use is not None and not use.issuing and not yes:
            click.confirm(_question(use), abort=True)
        named = badge_keys.named_to_drop(found, key)
        people = database.write(
            lambda db: badge_keys.drop_key(
                db, event, key, named, by=BY, with_=None, now=wall_clock()
            )
        )
    click.echo(f"Key {key} is dropped. {count(people, 'person needs', 'people need')} a new badge.")


def _question(use: KeyUse) -> str:
    people = count(use.people, "person", "people")
    days = count(use.day_credentials, "day credential")
    return (
        f"Drop key {use.key_id} for good? It locks {people} out until they have a new badge, and"
        f" makes {days} void."
    )


def _shown(database: Database, event: Event) -> list[KeyUse]:
    with database.reading() as db:
        found = _uses(db, event)
    _tell(found)
    return found


def _uses(db: Connection, event: Event) -> list[KeyUse]:
    return badge_keys.uses(db, event, wall_clock())


def _tell(found: list[KeyUse]) -> None:
    for use in found:
        state = "signs new badges" if use.issuing else "doors take it"
        people, days = count(use.people, "badge"), count(use.day_credentials, "day credential")
        click.echo(f"Key {use.key_id:<3}  {state:<16}  {people}, {days}")
