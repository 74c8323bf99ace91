"""Whole days of a hall in a second: doors, server and network with everything that can go wrong.

The state machines are those of badges/places/pool.py. `door_side` and `server_side` stand in memory
for the kiosk's journal and the server's ledger, and keep to their order of steps. After every step
the `checkers` compare them with the truth. `python -m tests.simulator --help`.
"""
