"""Defines the commands about an event's servers."""
