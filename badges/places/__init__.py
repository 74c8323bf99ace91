"""The protocol of places.

Begin with `pool.py`.
"""
