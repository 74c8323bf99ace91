"""Has outside parties confirm the entry log: witnesses cosign checkpoints, an authority adds time
stamps.

Begin with `worker.py`. `witness.py` is a witness for others. Uses only `event`, `entry_log`,
`outgoing` and `storage`.
"""
