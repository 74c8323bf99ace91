"""Musters: who was in which hall when an evacuation began, and who was seen since. Begin with
`muster.py`.
"""
