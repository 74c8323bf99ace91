"""Printed matter: cards as PDF and PNG, their fonts, and QR symbols.

Begin with `card.py`. Layouts are in `templates/`.
"""
