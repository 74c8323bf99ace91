"""Checks what a connection leads to, before an event is served from it."""
