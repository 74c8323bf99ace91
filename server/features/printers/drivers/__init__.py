"""Drivers, one for each kind of printer.

Begin with `driver.py`, the interface. Drivers know no database and no badges.
"""
