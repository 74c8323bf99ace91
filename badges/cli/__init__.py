"""The commands of `hallkeeper-badges`: keys, single badges and a small roster's cards, without a
server.

Begin with `main.py`. Only this package of `badges` uses the clock, the disk and the command
line.
"""
