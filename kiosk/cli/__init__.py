"""Holds the commands of `hallkeeper-kiosk`, which enrol a kiosk, run it, look at it, and carry its
journal away.

Begin with `main.py`. It may use every room.
"""
