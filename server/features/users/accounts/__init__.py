"""Serves second factors, invitations, and the sign-on by an identity provider.

Begin with `factors.py`. The stores are `server/core/staff/second_factors.py` and its neighbours.
"""
