"""The most places of a hall that a phone may hold unspent.

It only guides the sharing: the capacity never depends on it. A lost phone takes so many places with
it until the hall's next count.
"""

from server.storage.connection import Connection
from server.storage.tables import keep_setting

DEFAULT = 10
MOST = 1000
_SETTING = "phone_places"
# An SQL expression of the number, for larger statements.
PLACES = (
    f"COALESCE((SELECT CAST(value AS INTEGER) FROM setting WHERE key = '{_SETTING}'), {DEFAULT})"
)


def phone_places(db: Connection) -> int:
    """0: a phone gets each place only when a person waits for it."""
    (places,) = db.execute(f"SELECT {PLACES}").fetchone()
    return int(places)


def keep_phone_places(db: Connection, places: int) -> None:
    keep_setting(db, _SETTING, str(places))
