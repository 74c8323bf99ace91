"""The statements of schema.sql, which create the tables of 1.0."""

from importlib.resources import files

TABLES = files(__package__).joinpath("schema.sql").read_text(encoding="utf-8")
