"""Cards for a small roster without a server (`hallkeeper-badges sheet`).

No serials are stored: they are derived from the keys and the roster. So the same roster gives
the same cards, and printing again makes no second badge.
"""

import hashlib
from collections.abc import Mapping, Sequence

from badges.categories import DEFAULT_CATEGORIES
from badges.credential.badge_number import SERIAL_MAX, badge_number
from badges.credential.credential import ALL_DAYS, Credential, issue_credential
from badges.credential.keyfile import EventKeys
from badges.printing.card import Card
from badges.printing.latin import latin_name
from badges.roster.countries import country_name
from badges.roster.rows import RosterRow

_SERIAL_CONTEXT = b"hallkeeper/sheet/v1\x00"


CATEGORIES = {category.key: category for category in DEFAULT_CATEGORIES}


def make_cards(
    keys: EventKeys, rows: Sequence[RosterRow], zone_bits: Mapping[str, int]
) -> list[Card]:
    """A card for each row with its first badge, signed with the highest key.

    `zone_bits` has the bit of every zone code in the rows.
    """
    taken: set[int] = set()
    cards = []
    for row in rows:
        serial = _serial(keys, row, taken)
        taken.add(serial)
        cards.append(_card(row, serial, _text(keys, row, serial, zone_bits)))
    return cards


def _text(keys: EventKeys, row: RosterRow, serial: int, zone_bits: Mapping[str, int]) -> str:
    key_id = max(keys.badge_keys)
    days = ALL_DAYS if row.days is None else sum(1 << day - 1 for day in set(row.days))
    badge = Credential(
        serial=serial,
        issue=1,
        category=CATEGORIES[row.category].code,
        valid_days=days,
        zones=sum(1 << bit for bit in {zone_bits[zone] for zone in row.zones}),
        key_id=key_id,
    )
    return issue_credential(keys.badge_keys[key_id].private, keys.event_id, badge)


def _card(row: RosterRow, serial: int, text: str) -> Card:
    category = CATEGORIES[row.category]
    return Card(
        text=text,
        given_name=row.given_name,
        family_name=row.family_name,
        organisation=row.organisation,
        country=country_name(row.country),
        category_name=category.names["zh"],
        category_second_name=category.names["en"],
        category_letter=category.letter,
        category_colour=category.colour,
        badge_number=badge_number(serial),
        zones=row.zones,
        language=row.language,
        latin_name=row.latin_name
        or latin_name(row.given_name, row.family_name, row.language, row.country),
    )


def _serial(keys: EventKeys, row: RosterRow, taken: set[int]) -> int:
    """Deterministic, but can't be guessed. If taken, the next free one."""
    names = (row.given_name, row.family_name, row.organisation)
    identity = row.external_id or row.email.casefold() or "\x00".join(names)
    digest = hashlib.blake2b(_SERIAL_CONTEXT + identity.encode(), key=keys.root.seed).digest()
    serial = int.from_bytes(digest[:3], "big")
    while serial in taken:
        serial = (serial + 1) & SERIAL_MAX
    return serial
