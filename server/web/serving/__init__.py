"""Connects granian to the app: runs its pages on threads and holds kiosks' feeds on the event
loop.
"""
