"""The made-up forum of the demo: its venue, its people and their names.

Begin with `forum.py`.
"""
