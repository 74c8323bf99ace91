"""The protocol of places. A place is permission for one more person in a hall, and has exactly one
owner.

Begin with `pool.py`.
"""
