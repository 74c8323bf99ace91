"""Lets phones be doors: serves the page that a phone's browser runs as a kiosk, and enrols phones
on the console.

The page is `kiosk/browser`; a phone then speaks to `server/doors` as any kiosk. What a code admits
and how many places a phone may hold is in `server/core`.
"""

ALERTS = (("alerts:of_outdated", "board", "status"),)
