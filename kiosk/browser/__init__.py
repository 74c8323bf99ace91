"""A phone's browser as a door: volunteers at side doors scan with any phone.

The kiosk's own Python runs in a worker (static/worker.mjs): `phone.py` starts it, and `door.py`
builds the parts that `kiosk/run.py` builds for a Linux kiosk, and takes the place of its threads.
`sqlite.py` and `libsodium.py` replace `sqlite3`, PyNaCl and argon2 by JavaScript libraries. There
is no rule about admissions here. `files.py` and `archive.py` put the page's files together on the
server.
"""
