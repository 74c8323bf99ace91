"""Proofs about the entry log: its Merkle tree, signed checkpoints, and a kiosk's hash chain.

Begin with `merkle.py`.
"""
