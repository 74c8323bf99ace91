"""The signed statement in a badge's QR: how it is made, written as text, opened and trusted.

Begin with `credential.py`. Nothing here reads a clock, a disk or a network.
It may use no other room.
"""
