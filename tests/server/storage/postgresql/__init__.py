"""Tests of what keeps an event in PostgreSQL."""
