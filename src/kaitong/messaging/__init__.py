"""Notices to customers and staff: an outbox in the database, and the channels that empty it."""
