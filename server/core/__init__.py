"""The record of an event: venue, programme, people, occupancy, scans, and the entry log. It uses
neither Flask, pages nor features.
"""
