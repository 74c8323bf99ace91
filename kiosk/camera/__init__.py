"""The door's camera.

Begin with `camera.py`.
"""
