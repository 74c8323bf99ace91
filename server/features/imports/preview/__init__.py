"""Says what an import would do before it is done.

Begin with `preview.py`. `state.py` shows the event as texts, so that two of its states can be
compared.
"""
