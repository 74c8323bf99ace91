"""Whole events from outside: the commands of README and docs, and actors who use pages."""
