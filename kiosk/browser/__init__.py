"""The kiosk in a phone's browser: volunteers at side doors scan with any phone.

`phone.py` and its neighbours run in the browser, in a worker (static/worker.mjs). `files.py` and
`archive.py` put the page's files together on the server.
"""
