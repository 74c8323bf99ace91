"""Tells what is particular of the engine that keeps a database."""
