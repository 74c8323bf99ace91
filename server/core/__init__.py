"""The record of an event: venue, programme, people, who is where, every scan, and the entry log.

Nothing here knows of Flask, pages or features. `tests/test_house.py` has the order of the packages.
"""
