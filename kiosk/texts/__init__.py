"""Holds what the kiosk says, as codes of messages with their fields, and catalogues of languages.

Begin with `messages.py`. It may use no other room of the kiosk.
"""
