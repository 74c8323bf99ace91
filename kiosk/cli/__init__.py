"""`hallkeeper-kiosk`: enrol a kiosk, run it, look at it, carry its journal away.

Begin with `main.py`. It may use every room.
"""
