"""The organisation's tables."""

from kaitong.org.models.devices import Device
from kaitong.org.models.duty import Absence, Delegation, GridHolder, Shift
from kaitong.org.models.lists import ListChoice, SavedView
from kaitong.org.models.people import Branch, Department, Post, PostHolding, Staff

__all__ = [
    "Absence",
    "Branch",
    "Delegation",
    "Department",
    "Device",
    "GridHolder",
    "ListChoice",
    "Post",
    "PostHolding",
    "SavedView",
    "Shift",
    "Staff",
]
