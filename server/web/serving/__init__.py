"""Stands between granian and the app. It answers kiosks' scans and holds their feeds on one event
loop, and hands everything else to the app on threads.

Begin with `gateway.py`. What it answers itself is what the app would have answered.
"""
