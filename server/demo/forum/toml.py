"""Writes the tables of a venue file."""

from server.core.event.settings import quoted


def table(kind: str, /, **values: object) -> str:
    """Return one table of the file, without values that are None."""
    lines = [f"{key} = {_toml(value)}" for key, value in values.items() if value is not None]
    return "\n".join([f"[[{kind}]]", *lines, ""])


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    return quoted(value) if isinstance(value, str) else str(value)
