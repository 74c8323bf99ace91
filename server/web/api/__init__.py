"""The kiosks' interface: enrolment, replica, names, feed and scans, each request signed.

Begin with `scans.py`.
"""
