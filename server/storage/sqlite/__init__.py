"""Keeps an event in SQLite, in one file. That is what an event has unless somebody says otherwise.

Begin with `engine.py`.
"""
