"""The exception family of working time."""

from kaitong.core.errors import KaitongError


class WorktimeError(KaitongError):
    """Something about a budget or a calendar cannot be used."""


class BudgetError(WorktimeError):
    """A time budget (时限) that cannot be understood."""


class CalendarError(WorktimeError):
    """A working calendar (工作日历) that cannot be counted on."""
