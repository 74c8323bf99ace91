"""The commands `hallkeeper audit`: export, verify, prove and erase the entry log.

Begin with `commands.py`.
"""
