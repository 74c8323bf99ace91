"""Reads, checks and imports a forum's programme and exhibition.

Begin with `plan.py`.
"""
