"""The steward's page: the board's states go out, and staff's input comes in.

Nothing here decides or waits. `serving.py` serves the page on loopback to one browser.

Pages are in `static`: `steward` shows the kiosk's state, with the panel of `supervisor` beside
it, and both draw an `answer`. Common parts are in `shared`, and the camera's test page is in
`camera`.
"""
