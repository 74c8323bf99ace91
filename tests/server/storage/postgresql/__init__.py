"""Tests of an event's PostgreSQL storage."""
