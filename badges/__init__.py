"""Says what a badge is, what it opens, and how doors speak of it.

Nothing in here reads a clock, a disk, a network or a source of randomness. Time, keys and serials
are arguments.
"""
