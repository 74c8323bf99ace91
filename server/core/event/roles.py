"""Names the roles of the users of the server's pages. Settings of an event name them too."""

ROLES = ("steward", "supervisor", "badge_desk", "admin", "auditor", "protocol")
