"""Badges, admission decisions, places, and the messages between kiosks and server.

Nothing here reads a clock, a disk, a network or a source of randomness. Time, keys and serials
are arguments.
"""
