"""Changes one setting in `event.toml`, and keeps all other lines."""

import re
from dataclasses import replace
from pathlib import Path

from badges.i18n import N_
from server.core.event.settings import EventError, EventSettings, parse_settings, quoted
from server.storage import durable_files


def changed(path: Path, key: str, value: str) -> tuple[str, EventSettings]:
    """Return the file's text with this value, and its settings. Raises EventError for an invalid
    value, or if the file can't be changed so.

    An example in a comment is replaced.
    """
    text = path.read_text(encoding="utf-8-sig")
    before = parse_settings(text, str(path))
    line = f"{key} = {quoted(value)}"
    setting = re.compile(rf"(?m)^{key}[ \t]*=.*$")
    example = re.compile(rf"(?m)^#[ \t]*{key}[ \t]*=.*$")
    for pattern in (setting, example):
        if pattern.search(text):
            new = pattern.sub(lambda _: line, text, count=1)
            break
    else:
        new = f"{line}\n{text}"
    after = parse_settings(new, str(path))
    if after != replace(before, **{key: value}):  # type: ignore[arg-type]  # the key is a setting
        raise EventError(N_("%(path)s can't be changed here: change it on the server."), path=path)
    return new, after


def write(path: Path, text: str) -> None:
    durable_files.write_whole(path, text.encode())
