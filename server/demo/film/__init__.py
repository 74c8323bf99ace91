"""Films of badges held before a camera, drawn frame by frame.

Begin with `film.py`.
"""
