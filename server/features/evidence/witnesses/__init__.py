"""Has others outside confirm the entry log: witnesses that cosign its checkpoints, and an authority
that stamps the time on them.

Begin with `worker.py`. `witness.py` is a witness of our own, for others to run. It may use `event`,
`entry_log`, `outgoing` and `storage`. Nothing here keeps a door waiting.
"""
