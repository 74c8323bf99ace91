"""Second factors, invitations, and single sign-on.

Begin with `factors.py`.
"""
