"""Opens the database of an event: SQLite, or the PostgreSQL whose address is in the event."""

from pathlib import Path

from server.storage.connection import Engine, OwnConnection
from server.storage.postgresql.address import address_of, keep_address, read_address
from server.storage.sqlite.engine import SqliteEngine


def engine_of(path: Path, *, bounded: bool = False) -> Engine:
    """`path` is where the SQLite file is, or would be.

    With `bounded`, every wait for PostgreSQL is limited. Raises DatabaseError.
    """
    address = address_of(path.parent)
    if address is None:
        return SqliteEngine(path)
    # psycopg is optional.
    from server.storage.postgresql.engine import PostgresEngine

    return PostgresEngine(address, directory=path.parent, bounded=bounded)


def is_there(path: Path) -> bool:
    """For PostgreSQL, a configured URL suffices. Raises DatabaseError."""
    return path.is_file() or address_of(path.parent) is not None


def put_into_postgresql(path: Path, given: str) -> None:
    """Configure a new event to use PostgreSQL.

    `path` is where its SQLite file would be. `given` is the URL of an empty database, or the path
    of a file with the URL. Raises DatabaseError.
    """
    address = read_address(given)
    from server.storage.postgresql import engine

    engine.check_empty(address)
    keep_address(path.parent, address)


def leave_postgresql(path: Path) -> None:
    """Drop the tables of an event whose creation failed. Raises DatabaseError."""
    address = address_of(path.parent)
    if address is not None:
        from server.storage.postgresql import engine

        engine.drop_all(address)
        keep_address(path.parent, None)


def connect(path: Path) -> OwnConnection:
    """Durability settings are verified. Raises DatabaseError."""
    return engine_of(path).writer()


def connect_to_read(path: Path) -> OwnConnection:
    return engine_of(path).reader()
