"""Defines the commands for other machines: their tokens."""
