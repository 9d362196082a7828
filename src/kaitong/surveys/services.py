"""The public verbs of surveys."""

from kaitong.surveys.answering import answer_at_hall, answer_link
from kaitong.surveys.asking import ask, expire, look, served
from kaitong.surveys.calling import record, take
from kaitong.surveys.links import opened, require_open
from kaitong.surveys.rules import RulesEntry, deploy_surveys

__all__ = [
    "RulesEntry",
    "answer_at_hall",
    "answer_link",
    "ask",
    "deploy_surveys",
    "expire",
    "look",
    "opened",
    "record",
    "require_open",
    "served",
    "take",
]
