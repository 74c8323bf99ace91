from datetime import UTC, datetime
from pathlib import Path

import click

from server.console import BY, Commands, event_option, opened, refuse, wall_clock
from server.features.integrations import tokens


@click.group(cls=Commands)
def token() -> None:
    """Make, list and revoke tokens, which give other systems access."""


@token.command("make")
@click.argument("name")
@event_option
@click.option(
    "--scope",
    "scopes",
    type=click.Choice(tuple(tokens.SCOPES)),
    multiple=True,
    required=True,
    help="A scope to grant; can be repeated.",
)
@click.option(
    "--days",
    type=click.IntRange(1, tokens.DAYS_MAX),
    default=tokens.DAYS_USUAL,
    show_default=True,
    help="Days until it ends.",
)
def make_token(name: str, event_dir: Path, scopes: tuple[str, ...], days: int) -> None:
    """Make a token called NAME. It is shown once; only its hash is stored."""
    with opened(event_dir) as (_, database):
        try:
            issued, secret = database.write(
                lambda db: tokens.make(db, name, scopes, days, by=BY, now=wall_clock())
            )
        except tokens.TokenError as error:
            raise refuse(str(error)) from None
    click.echo(
        f"{issued.name} is valid until {_day(issued.ends_at)}. The token is shown once:\n{secret}"
    )


@token.command("list")
@event_option
def list_tokens(event_dir: Path) -> None:
    """List every token with its scopes and expiry."""
    now = wall_clock()
    with opened(event_dir) as (_, database):
        for item in tokens.tokens(database.reader):
            state = "" if item.stands(now) else ("  revoked" if item.revoked_at else "  over")
            scopes = " ".join(sorted(item.scopes))
            click.echo(f"{item.name}  {scopes}  until {_day(item.ends_at)}{state}")


@token.command("revoke")
@click.argument("name")
@event_option
def revoke_token(name: str, event_dir: Path) -> None:
    """Revoke the token called NAME at once."""
    with opened(event_dir) as (_, database):
        by_name = {item.name.casefold(): item for item in tokens.tokens(database.reader)}
        target = by_name.get(name.casefold())
        if target is None:
            raise refuse(f"there is no token {name!r}; there are {', '.join(by_name) or 'none'}.")
        try:
            database.write(lambda db: tokens.revoke(db, target.token_id, by=BY, now=wall_clock()))
        except tokens.TokenError as error:
            raise refuse(str(error)) from None
    click.echo(f"{target.name} opens nothing any more.")


def _day(at: int) -> str:
    return f"{datetime.fromtimestamp(at / 1000, UTC):%Y-%m-%d %H:%M} UTC"
