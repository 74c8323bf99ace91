"""Simulates whole days of a hall in a second: doors, server and network, with all faults.

The state machines are those of badges/places/pool.py. `door_side` and `server_side` replace the
kiosk's journal and the server's ledger in memory, with the same order of steps. After every step
the `checkers` compare them with the truth. `python -m tests.simulator --help`.
"""
