"""Describes a kind of printer. Each driver's file has one, and `printers/kinds.py` lists them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from server.features.printers.drivers.address import Address, parse
from server.features.printers.drivers.driver import Driver


@dataclass(frozen=True)
class Options:
    """Holds an admin's settings for one printer. A driver uses those that it needs."""

    dpi: int
    trusts_sending: bool
    certificate: str  # SHA-256 in hex of the pinned certificate, or "" to pin the next.


@dataclass(frozen=True)
class Kind:
    """Holds everything that forms, commands and the store need to know about a kind."""

    name: str  # In the database and on the command line. Once released it never changes.
    words: str  # On the form.
    examples: tuple[str, ...]  # Addresses, for the form and for errors.
    ports: Mapping[str, int]  # The schemes of its addresses, each with its usual port.
    formats: tuple[str, ...]  # Formats of cards that it prints (`badges.printing.look.FORMATS`).
    connect: Callable[[Address, Options], Driver]  # Returns the driver. It sends nothing yet.
    has_path: bool = False  # Whether an address may have a path.
    dpi: int = 300  # The command line's default.

    def address(self, text: str) -> Address:
        """Return the address of a printer of this kind. Raises AddressError."""
        return parse(text, self.ports, self.examples, has_path=self.has_path)
