"""Speaks to printers, each kind in its own way.

Begin with `driver.py`, which says what a driver does. It knows no database and no badge.
"""
