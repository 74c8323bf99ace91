"""Keeps a kiosk's places. It has the kiosk's durable account with one hall, and the server's orders
that the account obeys.

`pool` is the other end. docs/design/places.md has the rules that are cited here by number.
"""

from collections.abc import Mapping
from typing import TypeVar

from msgspec import Struct
from msgspec.structs import replace

from badges.i18n import N_, Spoken
from badges.record import StayRef

# Says which pool of which hall an account is for. The protocol itself never looks inside it.
Key = TypeVar("Key")


class PlacesError(Spoken, ValueError):
    """Is raised for a step that the protocol does not allow. Nothing was changed."""


class NoPlaceError(PlacesError):
    """Is raised for an entry without a free place at this door."""


# A door and the server make several of these for each scan, and a frozen dataclass takes ten times
# as long to make and to copy.
class Order(Struct, frozen=True):
    """Holds what the server says to one kiosk about one hall. It has totals and the server's
    incarnation.
    """

    granted: int
    recall: int  # The door returns places until its total of returned ones is this.
    incarnation: int
    # The server signs `granted` (badges.places.signed). Nothing in this file looks at the
    # signature.
    signature: bytes = b""


class Account(Struct, frozen=True):
    """Holds a kiosk's durable account with one hall. `free` never falls below zero."""

    granted: int = 0
    returned: int = 0
    entries: int = 0
    credited: int = 0  # Exits whose place the door took back at once.
    incarnation: int = 0
    fenced: bool = False
    trusted: int = 0  # Exits credited although the server may know the stay too.

    @property
    def free(self) -> int:
        return self.granted - self.returned - self.entries + self.credited + self.trusted

    def enter(self) -> "Account":
        """Use one place. Durable in the same commit as the scan, before any light (rule 1)."""
        if self.fenced or self.free < 1:
            raise NoPlaceError
        return replace(self, entries=self.entries + 1)

    def credit(self) -> "Account":
        """Take back the place of an own stay that was never offered (see `may_credit`)."""
        if self.credited >= self.entries:
            raise PlacesError(N_("more exits credited than entries made"))
        return replace(self, credited=self.credited + 1)

    def trust(self) -> "Account":
        """Take back the place of any stay that was exited here (see `may_trust`)."""
        return replace(self, trusted=self.trusted + 1)

    def obey(self, order: Order) -> "Account":
        """Take a grant and return what is recalled, as far as there are free places.

        Orders of an earlier incarnation are dropped: they were made by a server that has since
        been restored from a backup and may not remember them (rule 8).
        """
        if order.incarnation < self.incarnation:
            return self
        granted = max(self.granted, order.granted)
        free = self.free + granted - self.granted
        back = max(0, min(order.recall - self.returned, free))
        return replace(
            self, granted=granted, returned=self.returned + back, incarnation=order.incarnation
        )

    def rest(self) -> "Account":
        """Return every free place, because the door is out of use for a while."""
        return replace(self, returned=self.returned + max(0, self.free))

    def fence(self) -> "Account":
        """Stop for good and return every free place."""
        return replace(self.rest(), fenced=True)


def enter_all(accounts: Mapping[Key, Account]) -> dict[Key, Account]:
    """Use one place of the door's hall, and one of every hall around it that the door leads into.

    All of them are used in one commit. Raises NoPlaceError where one is missing, and then none is
    used.
    """
    return {key: account.enter() for key, account in accounts.items()}


def may_credit(
    stay: StayRef | None, *, kiosk: str, generation: int, offered: int, closed: bool
) -> bool:
    """Tell whether a kiosk takes a place back itself when `stay` is exited at its door (rule 3).

    The journal's transaction asks this first, and `may_trust` where the hall trusts exits.

    It does so only for its own stay, which is still open and was never offered to the server.
    `offered` is the highest sequence that a message ever carried. It was durable before that
    message was sent.
    """
    return (
        stay is not None
        and not closed
        and (stay.kiosk, stay.generation) == (kiosk, generation)
        and stay.seq > offered
    )


def may_trust(stay: StayRef | None, *, offline: bool, closed: bool) -> bool:
    """Tell whether a kiosk of a `trusting` hall takes back the place of any stay that it knows of.

    It does so only while it can't reach the server, and once for each stay. A stay that two doors
    close gives its place back twice, so the hall may be over its capacity by the number of those
    stays.
    """
    return stay is not None and offline and not closed
