"""Describes a kind of printer. Each driver's file has one; `printers/kinds.py` lists them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from server.features.printers.drivers.address import Address, parse
from server.features.printers.drivers.driver import Driver


@dataclass(frozen=True)
class Options:
    """An admin's settings for one printer. Drivers use those they need."""

    dpi: int
    trusts_sending: bool
    certificate: str  # SHA-256 in hex of the pinned certificate; "" pins the next


@dataclass(frozen=True)
class Kind:
    name: str  # In the database and on the command line; fixed once released
    words: str
    examples: tuple[str, ...]  # Example addresses
    ports: Mapping[str, int]  # Default port by scheme; other schemes are refused
    formats: tuple[str, ...]  # Card formats (`badges.printing.look.FORMATS`)
    connect: Callable[[Address, Options], Driver]
    has_path: bool = False  # Addresses may have a path
    dpi: int = 300

    def address(self, text: str) -> Address:
        """Parse an address of this kind. Raises AddressError."""
        return parse(text, self.ports, self.examples, has_path=self.has_path)
