from collections.abc import Callable
from pathlib import Path

import click

from server.console import BY, Commands, event_option, opened, refuse, wall_clock
from server.core.event.settings import ROLES
from server.core.staff import second_factors, users
from server.storage.database import Database


@click.group(cls=Commands)
def user() -> None:
    """Add and list the people who may sign in to the pages."""


@user.command("add")
@click.argument("name")
@event_option
@click.option(
    "--role",
    type=click.Choice(ROLES),
    required=True,
    help=("Their role, which decides what they may see and do."),
)
def add_user(name: str, event_dir: Path, role: str) -> None:
    """Add the user NAME. The password is generated and shown once."""
    password = users.make_password()
    password_hash = users.hash_password(password)
    with opened(event_dir) as (_, database):
        database.write(
            lambda db: users.add_user(
                db, name, role, password_hash, by=BY, now=wall_clock(), first=True
            )
        )
    click.echo(f"{name} signs in with this password, and then chooses another: {password}")


@user.command("list")
@event_option
def list_users(event_dir: Path) -> None:
    """List every user with their role."""
    with opened(event_dir) as (_, database):
        for listed in users.users(database.reader):
            click.echo(f"{listed.name}  {listed.role}{'  disabled' if listed.disabled else ''}")


@user.command("password")
@click.argument("name")
@event_option
def new_password(name: str, event_dir: Path) -> None:
    """Give the user NAME a new password, which is shown once. Their sessions end."""
    _give_password(event_dir, name, users.set_password)


@user.command("no-second-factor")
@click.argument("name")
@event_option
def no_second_factor(name: str, event_dir: Path) -> None:
    """Remove all second factors of the user NAME, who has lost them. A new password is
    shown once.
    """
    _give_password(event_dir, name, second_factors.remove_all)


def _give_password(event_dir: Path, name: str, change: Callable[..., object]) -> None:
    """Generate a password, store it by `change`, and show it."""
    password = users.make_password()
    hashed = users.hash_password(password)
    with opened(event_dir) as (_, database):
        account = _user(database, name)
        database.write(lambda db: change(db, account.user_id, hashed, by=BY, now=wall_clock()))
    click.echo(f"{account.name} signs in with this password, and then chooses another: {password}")


@user.command()
@click.argument("name")
@event_option
def unlock(name: str, event_dir: Path) -> None:
    """Let the user NAME sign in from anywhere for 15 minutes, in spite of others' failed
    attempts.
    """
    with opened(event_dir) as (_, database):
        account = _user(database, name)
        database.write(lambda db: users.unlock(db, account.user_id, by=BY, now=wall_clock()))
    click.echo(f"{account.name} may sign in from anywhere for 15 minutes.")


def _user(database: Database, name: str) -> users.User:
    by_name = {listed.name.casefold(): listed for listed in users.users(database.reader)}
    account = by_name.get(name.casefold())
    if account is None:
        raise refuse(f"there is no user {name!r}; there are {', '.join(by_name)}.")
    return account
