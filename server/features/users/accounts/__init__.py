"""Second factors, invitations, and single sign-on.

Begin with `factors.py`. The stores are `server/core/staff/second_factors.py` and its neighbours.
"""
