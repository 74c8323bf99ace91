"""Texts in an export for its readers, such as lawyers and courts. Imports nothing of ours."""
