"""Reads codes: from a picture to texts, and from texts to one presentation.

Begin with `reader.py`.
"""
