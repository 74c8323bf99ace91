"""Shows the event at one glance while it runs: halls, kiosks, alerts, latest entries.

Alerts come from all features, by their hook.
"""
