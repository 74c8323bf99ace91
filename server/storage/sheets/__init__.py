"""Writes sheets for spreadsheets."""
