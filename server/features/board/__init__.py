"""The board: halls, kiosks, alerts and latest entries during the event.

All features supply alerts through their hook.
"""
