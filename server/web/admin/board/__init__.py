"""Serves the board: what it shows of halls and troubles, taking a trouble on, and a hall's day as
plots.
"""
