"""Previews uploaded files. Begin with `roster.py`. Nothing is written before a confirmation."""
