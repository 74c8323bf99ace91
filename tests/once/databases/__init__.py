"""Databases whose connections are kept from one test to the next. Begin with `slots.py`."""
