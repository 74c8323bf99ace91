"""Serves staff's page that asks beforehand what the doors would answer.

Begin with `pages.py`. What it shows is worked out in server/features/rehearsal, and nothing is
written.
"""
