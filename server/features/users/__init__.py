"""Lets staff sign in, and admins add users: passwords, second factors, invitations, sign-on.

The stores are `server/core/staff`.
"""

COMMANDS = (
    (
        "user",
        "commands:user",
        "Add and list the people who may sign in to the pages.",
    ),
)
