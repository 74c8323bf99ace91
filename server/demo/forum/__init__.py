"""Makes up the demo's forum with its venue, its people and their names.

Begin with `forum.py`.
"""
