"""Exports, verifies, proves and erases the entry log at the console, with `hallkeeper audit`.

Begin with `commands.py`.
"""
