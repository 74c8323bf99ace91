"""Has outside parties confirm the entry log: witnesses cosign its checkpoints, an authority adds
time stamps.

Begin with `worker.py`. `witness.py` is our own witness, for others to run. Uses only `event`,
`entry_log`, `outgoing` and `storage`. Never delays a door.
"""
