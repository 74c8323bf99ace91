"""Measures a day on which servers and kiosks are upgraded and downgraded while people scan."""
