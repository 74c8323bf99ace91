"""Tests of personal data: retention, export and erasure."""
