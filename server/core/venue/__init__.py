"""The venue: categories, zones, halls, doors, sessions, and the rules derived from them. Begin with
`store.py`.
"""
