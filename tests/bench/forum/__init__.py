"""Measures what a forum has beside its halls."""
