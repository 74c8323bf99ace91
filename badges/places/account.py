"""The kiosk's side of the places protocol: its account with a hall, and the server's orders.

Rule numbers are those of docs/design/places.md.
"""

from collections.abc import Mapping
from typing import TypeVar

from msgspec import Struct
from msgspec.structs import replace

from badges.i18n import N_, Spoken
from badges.record import StayRef

# The pool that an account belongs to. The protocol does not look inside it.
Key = TypeVar("Key")


class PlacesError(Spoken, ValueError):
    """Raised if the protocol of places does not allow the step. Nothing was changed."""


class NoPlaceError(PlacesError):
    """An entry needs a free place, and this door has none."""


# A Struct, because each scan makes several: a frozen dataclass is ten times slower to make and
# copy.
class Order(Struct, frozen=True):
    """The server's message to one kiosk about one hall: totals of granted and recalled places."""

    granted: int
    recall: int  # The kiosk returns free places until its total of returned places is this.
    incarnation: int
    # The server's signature of `granted` (badges.places.signed). Not checked in this file.
    signature: bytes = b""


class Account(Struct, frozen=True):
    """A kiosk's durable account with one hall. `free` is never negative."""

    granted: int = 0
    returned: int = 0
    entries: int = 0
    credited: int = 0  # Exits whose place the kiosk took back at once.
    incarnation: int = 0
    fenced: bool = False
    trusted: int = 0  # Exits credited although the server may know the stay too.

    @property
    def free(self) -> int:
        return self.granted - self.returned - self.entries + self.credited + self.trusted

    def enter(self) -> "Account":
        """Use a free place. The caller commits this with the scan, before any light (rule 1)."""
        if self.fenced or self.free < 1:
            raise NoPlaceError
        return replace(self, entries=self.entries + 1)

    def credit(self) -> "Account":
        """Take back the place of the kiosk's own stay (`may_credit`)."""
        if self.credited >= self.entries:
            raise PlacesError(N_("more exits credited than entries made"))
        return replace(self, credited=self.credited + 1)

    def trust(self) -> "Account":
        """Take back the place of any stay that ended at this door (`may_trust`)."""
        return replace(self, trusted=self.trusted + 1)

    def obey(self, order: Order) -> "Account":
        """Add newly granted places, and return recalled ones as far as they are free.

        Orders of an earlier incarnation are ignored: the server was restored from a backup since
        and may not know them (rule 8).
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
        """Return every free place while out of service."""
        return replace(self, returned=self.returned + max(0, self.free))

    def fence(self) -> "Account":
        return replace(self.rest(), fenced=True)


def enter_all(accounts: Mapping[Key, Account]) -> dict[Key, Account]:
    """Use one place in each hall that the door leads into: its own and the surrounding ones.

    Raises NoPlaceError if any hall has no free place. Then none is used.
    """
    return {key: account.enter() for key, account in accounts.items()}


def may_credit(
    stay: StayRef | None, *, kiosk: str, generation: int, offered: int, closed: bool
) -> bool:
    """Whether the kiosk may take back the place of `stay` when it ends at this kiosk's door (rule
    3).

    The stay must be the kiosk's own, open, and never sent to the server. `offered` is the highest
    record number ever put in a message; it was on disk before the message was sent.
    """
    return (
        stay is not None
        and not closed
        and (stay.kiosk, stay.generation) == (kiosk, generation)
        and stay.seq > offered
    )


def may_trust(stay: StayRef | None, *, offline: bool, closed: bool) -> bool:
    """Whether a kiosk of a hall with the setting `trusting` takes back the place of any known stay
    while offline.

    If two offline doors close the same stay, its place comes back twice. The hall may exceed its
    capacity by the number of such stays.
    """
    return stay is not None and offline and not closed
