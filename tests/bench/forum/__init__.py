"""Measures a forum beyond its halls."""
