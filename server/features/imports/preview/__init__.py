"""Previews the effects of an import.

Begin with `preview.py`. `state.py` converts the event to texts, for comparison.
"""
