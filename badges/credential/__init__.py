"""The signed statement in a badge's QR code.

Begin with `credential.py`. Reads no clock, disk or network, and uses no other package of this
project.
"""
