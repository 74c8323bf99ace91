"""Roles of users of the pages, which event settings also name."""

ROLES = ("steward", "supervisor", "badge_desk", "admin", "auditor", "protocol")
