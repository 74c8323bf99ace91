"""Reads a symbol by its own grid: for symbols that are bent, steep, blurred or damaged.

An engine samples along straight lines between the finder patterns, and drops a symbol with too
many wrong modules. Here the grid follows the picture, and each module has a reliability.
"""
