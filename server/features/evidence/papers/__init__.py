"""Writes what an export says to people who read it, such as lawyers and courts. It imports nothing
of ours.
"""
