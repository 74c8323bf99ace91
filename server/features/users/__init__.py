"""Lets staff sign in, and admins manage users: passwords, second factors, invitations, single
sign-on.

The stores: `server/core/staff`.
"""

COMMANDS = (("user", "commands:user", "Add and list the people who may sign in to the pages."),)
