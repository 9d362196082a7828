"""Backup and restore of all of a state at one moment, and the upgrade of an older one."""
