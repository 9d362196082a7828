"""What a requester says of when and how urgently, where the contract leaves no choice (TMF641)."""

from __future__ import annotations

from datetime import datetime

from django.utils.translation import gettext as _

from kaitong.core.errors import InputFault

PRIORITIES = ("0", "1", "2", "3", "4")  # 0 is the highest


def priority_faults(priority: str) -> list[InputFault]:
    if priority in PRIORITIES:
        return []
    remedy = _("应是其中之一：%(list)s。") % {"list": ", ".join(PRIORITIES)}
    return [InputFault("priority", _("不是认识的词"), remedy)]


def date_faults(start: datetime | None, completion: datetime | None) -> list[InputFault]:
    """Nothing is done before it is begun."""
    if start is None or completion is None or completion >= start:
        return []
    what, remedy = _("早于 requestedStartDate"), _("请改其中一个日期。")
    return [InputFault("requestedCompletionDate", what, remedy)]
