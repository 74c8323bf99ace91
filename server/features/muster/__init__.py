"""Shows in an evacuation who is in which hall by the records, and who was seen since.

Nothing here opens, closes or locks a door, nor changes a stay or a place.
"""
