"""Defines `hallkeeper certificate`. Begin with `commands.py`."""
