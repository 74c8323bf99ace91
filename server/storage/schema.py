"""Has the statements that make the tables of 1.0, which stand in schema.sql."""

from importlib.resources import files

TABLES = files(__package__).joinpath("schema.sql").read_text(encoding="utf-8")
