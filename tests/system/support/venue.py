"""Halls and doors of a venue file."""

import json


def hall_toml(code: str, capacity: int, **more: object) -> str:
    """A hall for delegates in a venue file."""
    values = {"code": code, "name": code.capitalize(), "capacity": capacity}
    return _table("hall", {**values, "categories": ["delegate"], **more})


def door_toml(code: str, hall: str = "hall", **more: object) -> str:
    """A door for entries and exits in a venue file."""
    values = {"code": code, "hall": hall, "name": code.capitalize(), "mode": "both"}
    return _table("door", {**values, **more})


def _table(kind: str, values: dict[str, object]) -> str:
    # TOML writes these values as JSON does.
    return f"[[{kind}]]\n" + "".join(f"{key} = {json.dumps(values[key])}\n" for key in values)
