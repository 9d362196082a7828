"""Calendars and clocks (工作日历与时限): when something is due, and why."""
