"""Bringing data in and out: imports from sheets, exports, backup and restore, the first set-up."""
