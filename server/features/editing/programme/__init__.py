"""Edits the programme and the exhibition: things, names typed by staff, speakers, and duplicate
organisations.
"""
