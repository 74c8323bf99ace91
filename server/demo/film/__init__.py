"""Draws films of badges held before a camera, frame by frame.

Begin with `film.py`.
"""
