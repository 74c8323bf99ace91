"""Grabs pictures in a thread, newest first, and reconnects a lost camera.

Begin with `camera.py`.
"""
