"""Tests of the pages of privacy."""
