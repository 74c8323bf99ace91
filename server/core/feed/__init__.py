"""The feed of changes for kiosks: stored with their cause, and delivered to open connections. Begin
with `hub.py`.
"""
