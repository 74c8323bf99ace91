"""The import commands."""
