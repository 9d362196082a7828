"""The public verbs of the hall."""

from kaitong.hall.asking import record as record_inquiry
from kaitong.hall.calling import (
    begin,
    bring_back,
    call_again,
    call_next,
    end,
    hand_over,
    issue_form,
    link,
    miss,
)
from kaitong.hall.devices import add_device
from kaitong.hall.forms import fill_in, forget_old
from kaitong.hall.rules import RulesEntry, deploy_hall
from kaitong.hall.seats import leave, sit
from kaitong.hall.taking import close_day, end_past_days, reopen_day, take

__all__ = [
    "RulesEntry",
    "add_device",
    "begin",
    "bring_back",
    "call_again",
    "call_next",
    "close_day",
    "deploy_hall",
    "end",
    "end_past_days",
    "fill_in",
    "forget_old",
    "hand_over",
    "issue_form",
    "leave",
    "link",
    "miss",
    "record_inquiry",
    "reopen_day",
    "sit",
    "take",
]
