"""Edits the programme and the exhibition: their things as values, names that staff type, speakers
of a session, and organisations that are one. Begin with `things.py`.
"""
