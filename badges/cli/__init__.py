"""Holds the commands of `hallkeeper-badges`, for keys, single badges and a small roster's cards,
without a server.

Begin with `main.py`. Here alone `badges` reads the clock, the disk and the command line.
"""
