"""Keeps the protocol of places, which are permissions to let one more person in. Each place is held
by exactly one owner.

Begin with `pool.py`, which says the rules. It may use `badges.admission` and `badges.credential`.
"""
