"""Shows in an evacuation which people are in which hall by the records, and which have been seen.

It opens, closes and locks no door, and changes no stay or place.
"""
