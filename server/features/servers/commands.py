from pathlib import Path

import click

from badges.wire.servers import AddressError, ServerAddress, parse_address, preferred
from server.console import BY, count, event_option, opened, refuse, wall_clock
from server.core.event.directory import Event
from server.core.kiosks import addresses
from server.core.venue import store
from server.storage.connection import Connection


@click.command()
@click.argument("address", nargs=-1)
@click.option("--none", "nowhere", is_flag=True, help="Forget the list: there is one server.")
@event_option
def servers(address: tuple[str, ...], nowhere: bool, event_dir: Path) -> None:
    """Set the addresses of the event's servers, each as HOST:PORT, so that kiosks can switch when
    theirs does not answer. Without an ADDRESS, show the list.

    A server with a certificate of its own is written as HOST:PORT=KEY, with the SHA-256 of its
    public key in hexadecimal digits.
    """
    if address and nowhere:
        raise refuse("name addresses, or --none")
    try:
        named = [parse_address(text) for text in address]
    except AddressError as error:
        raise refuse(str(error)) from None
    with opened(event_dir) as (event, database):
        changed = False
        if named or nowhere:
            changed = database.write(
                lambda db: addresses.set_servers(db, event, named, by=BY, now=wall_clock())
            )
        _show(database.reader, event)
    if named or nowhere:
        click.echo("Kiosks hear of it at once." if changed else "The list is unchanged.")


def _show(db: Connection, event: Event) -> None:
    listed = addresses.servers_of(db)
    if listed is None or not listed.servers:
        click.echo(f"One server, {event.settings.public_host}:{event.settings.port}.")
        return
    halls = store.halls(db)
    click.echo(f"{count(len(listed.servers), 'server')}, of which each is preferred by the halls:")
    for server in listed.servers:
        mine = [hall.code for hall in halls if _first(listed.servers, hall.hall_id) == server]
        own = " (its own certificate)" if isinstance(server.spki_sha256, bytes) else ""
        click.echo(f"  {server.text}{own}  {', '.join(mine) or '-'}")


def _first(listed: tuple[ServerAddress, ...], hall: int) -> ServerAddress:
    return preferred(listed, hall)[0]
