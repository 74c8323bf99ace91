"""Lists the kinds of printers. A new kind is a file in `drivers/` and a line here."""

from collections.abc import Mapping

from badges.i18n import Phrase
from server.features.printers.drivers import brother, ipp, zpl
from server.features.printers.drivers.kind import Kind
from server.features.printers.states import PrintingError

DRIVERS: Mapping[str, Kind] = {kind.name: kind for kind in (ipp.KIND, zpl.KIND, brother.KIND)}
DPIS = (203, 300, 600)


def kind_of(name: str) -> Kind:
    """Raises PrintingError for an unknown kind."""
    if name not in DRIVERS:
        raise PrintingError(
            Phrase(
                "%(kind)s is not a kind of printer: use one of %(kinds)s.",
                kind=repr(name),
                kinds=", ".join(DRIVERS),
            )
        )
    return DRIVERS[name]
