"""Keeps the entry log. Every scan and every act is a leaf of a Merkle tree, in the order of
arrival.

Begin with `entry_log.py`. It may use `storage`.
"""
