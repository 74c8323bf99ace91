"""Whole random days of the real code: the app, the kiosks' classes, their databases and journals.

Network, clocks and people are simulated; everything else runs as in the product, in one process.
The truth is people who walk through doors. Several may carry copies of one badge.
"""
