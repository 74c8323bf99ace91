"""Drives a relay for a turnstile or a lock. It is told after the commit, with a time limit.

Begin with `relay.py`. It may use `config` and `texts`.
"""
