"""The record: roster, venue, ledger and entry log, and the pages and feeds over them."""
