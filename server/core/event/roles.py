"""Roles of users, which event settings also name."""

ROLES = ("steward", "supervisor", "badge_desk", "admin", "auditor", "protocol")
