"""Makes, writes, opens and trusts the signed statement in a badge's QR.

Begin with `credential.py`. Nothing here reads a clock, a disk or a network. It may use no other
room.
"""
