"""The protocol of places: permissions to let one more person in, each held by exactly one owner.

Begin with `pool.py`, which says the rules. It may use `badges.admission` and `badges.credential`.
"""
