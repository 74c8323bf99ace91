"""Makes the app of the record, which is roster, venue, ledger and entry log, with the pages and
feeds over them.
"""
