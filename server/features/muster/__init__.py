"""Shows in an evacuation who is in which hall by the records, and who has been seen.

It changes no door, stay or place.
"""
