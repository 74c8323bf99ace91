"""The relay of a turnstile or a lock.

Begin with `relay.py`.
"""
