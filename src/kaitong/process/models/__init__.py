"""The rows of the process runtime: definitions, instances, tokens and what watches each wait.

Django's ORM reads and migrates them; steps are written by `store` in raw SQL. Every resting token
has exactly one row that somebody watches: a work item, a command, a timer, a subscription or an
incident. `Instance.open_waits` counts them, and the database refuses a running instance without.
People are kept as plain identifiers: posts, departments and staff are opaque to this package.
"""

from kaitong.process.models.asking import Call, Command, Incident, IncidentNote, Proposal
from kaitong.process.models.figures import NodeBatch, NodeDay
from kaitong.process.models.instances import Definition, History, Instance, Token
from kaitong.process.models.starting import Beginning, Starter
from kaitong.process.models.waiting import Inbox, Message, Signal, Subscription, Timer
from kaitong.process.models.work import Feedback, Helper, Phase, Suspension, WorkItem

__all__ = [
    "Beginning",
    "Call",
    "Command",
    "Definition",
    "Feedback",
    "Helper",
    "History",
    "Inbox",
    "Incident",
    "IncidentNote",
    "Instance",
    "Message",
    "NodeBatch",
    "NodeDay",
    "Phase",
    "Proposal",
    "Signal",
    "Starter",
    "Subscription",
    "Suspension",
    "Timer",
    "Token",
    "WorkItem",
]
