"""Lets staff see a hall, close it, change its capacity, clear it or attest places.

A public screen at its door shows free places and programme.
"""
