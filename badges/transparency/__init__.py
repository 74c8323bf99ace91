"""Proves things about the entry log, by its Merkle tree, its signed checkpoints, and a kiosk's hash
chain.

Begin with `merkle.py`. It may use `badges.credential`.
"""
