"""Edits the programme and the exhibition: things, typed names, speakers, and duplicate
organisations.
"""
