"""Changes one setting in `event.toml`, and keeps all else, comments included."""

from dataclasses import replace
from pathlib import Path

import tomlkit

from badges.i18n import N_
from server.core.event.settings import EventError, EventSettings, parse_settings


def changed(path: Path, key: str, value: str) -> tuple[str, EventSettings]:
    """Return the file's text with this value, and its settings. Raises EventError for an invalid
    value, or if the file can't be changed so.
    """
    text = path.read_text(encoding="utf-8-sig")
    before = parse_settings(text, str(path))
    document = tomlkit.parse(text)
    document[key] = value
    new = document.as_string()
    after = parse_settings(new, str(path))
    if after != replace(before, **{key: value}):  # type: ignore[arg-type]  # the key is a setting
        raise EventError(N_("%(path)s can't be changed here: change it on the server."), path=path)
    return new, after
