"""Lets phones be doors: serves the page that a phone's browser runs as a kiosk.

The page is `kiosk/browser`; a phone then speaks to `server/doors` as any kiosk.
"""
