"""Proofs about the entry log: its Merkle tree, its signed checkpoints, and a kiosk's hash chain.

Begin with `merkle.py`. It may use `badges.credential`.
"""
