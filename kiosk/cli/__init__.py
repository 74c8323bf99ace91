"""The commands of `hallkeeper-kiosk`: enrol, run, inspect, and export the journal.

Begin with `main.py`.
"""
