"""Shows in an evacuation the people in each hall by the records, and those seen.

It changes no door, stay or place.
"""
