"""The relay of a turnstile or a lock, triggered after the commit, with a timeout.

Begin with `relay.py`.
"""
