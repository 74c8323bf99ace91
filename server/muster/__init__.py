"""Says who is in which hall in an evacuation, by the records, and who was seen since.

Begin with `muster.py`. Nothing here opens, closes or locks a door, nor changes a stay or a place.
"""
