"""The list of all features, from which the app, the menu and the command line are assembled."""

from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from server.core.alerts.sources import Source
    from server.web.feature import Feature

FEATURES = (
    "imports", "cards", "rehearsal", "mail", "wallet", "phone", "board", "halls", "kiosks", "desk",
    "phone_doors", "printers", "attendees", "protocol", "programme", "editing", "reports",
    "records", "muster", "users", "start", "find", "integrations", "certificate", "servers",
    "badge_keys", "backup", "evidence", "privacy", "upgrade",
)  # fmt: skip


def load_features() -> "tuple[Feature, ...]":
    names = [f"server.features.{name}.feature" for name in FEATURES]
    loaded: list[Feature] = [
        import_module(name).FEATURE for name in names if find_spec(name) is not None
    ]
    return tuple(loaded)


def template_folders() -> list[Path]:
    return _folders("templates")


def static_folders() -> list[Path]:
    return _folders("static")


def _folders(name: str) -> list[Path]:
    server = Path(__file__).parent.parent
    own = [server / "features" / feature / name for feature in FEATURES]
    return [server / "web" / name, *filter(Path.is_dir, own)]


def alert_sources() -> "tuple[Source, ...]":
    from server.core.alerts.sources import CORE, sources_of

    packages = [f"server.features.{name}" for name in FEATURES]
    named = [
        sources_of(package, getattr(import_module(package), "ALERTS", ())) for package in packages
    ]
    return sum(named, CORE)


def commands() -> Iterator[tuple[str, str, str]]:
    """Yield name, `module:function`, and one line of help."""
    for feature in FEATURES:
        package = f"server.features.{feature}"
        for name, where, text in getattr(import_module(package), "COMMANDS", ()):
            yield name, f"{package}.{where}", text
