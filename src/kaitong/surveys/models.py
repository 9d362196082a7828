"""Who was asked what about which event, and what was answered. A person's words are sealed."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from kaitong.core.clock import now
from kaitong.core.crypto import EncryptedTextField
from kaitong.core.models import Row
from kaitong.surveys.choices import Outcome, Source, State, Way

WORDS_PURPOSE = "surveys.words"


class Rules(Row):
    """How customers are asked: `surveys:` of a playbook, as it was deployed.

    Never vanishes: a new version retires the old one; who was asked under it answers under it.
    `content` is the section with the English of its words.
    """

    playbook = models.CharField(max_length=60)
    playbook_hash = models.CharField(max_length=64)
    content = models.JSONField(default=dict)
    parameters = models.JSONField(default=dict)
    definition_id = models.UUIDField(null=True)  # of the process a bad score begins
    retired_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = verbose_name_plural = _("调查规则")
        constraints = [
            models.UniqueConstraint(
                fields=["playbook", "playbook_hash"], name="surveys_rules_version"
            ),
            models.UniqueConstraint(
                fields=["playbook"], condition=Q(retired_at=None), name="surveys_rules_once"
            ),
        ]

    def __str__(self) -> str:
        return self.playbook


class Invitation(Row):
    """One person asked about one event, once by `key`. Of a link only the digest is kept.

    `person_id` and `post` are who did what is asked about. `business_id` is the order, the ticket
    or the hall's number.
    """

    branch = models.ForeignKey("org.Branch", models.PROTECT, related_name="+")
    rules = models.ForeignKey(Rules, models.PROTECT, related_name="+")
    key = models.CharField(max_length=200, unique=True)
    ask = models.CharField(max_length=60)  # a key of `asks`
    source = models.CharField(_("调查内容"), max_length=10, choices=Source)
    way = models.CharField(_("方式"), max_length=10, choices=Way)
    state = models.CharField(_("状态"), max_length=10, choices=State, default=State.OPEN)
    business_id = models.UUIDField()
    number = models.CharField(_("单号"), max_length=40, blank=True)
    party_id = models.UUIDField(null=True)
    service_id = models.UUIDField(null=True)
    offering = models.CharField(max_length=80, blank=True)
    person_id = models.UUIDField(null=True)
    post = models.CharField(max_length=60, blank=True)
    counter = models.PositiveSmallIntegerField(null=True)  # of the hall
    happened_at = models.DateTimeField(_("发生时间"))
    asked_at = models.DateTimeField(_("询问时间"), default=now)
    expires_at = models.DateTimeField(_("答复期限"))
    language = models.CharField(max_length=10, blank=True)
    token_digest = models.BinaryField(max_length=32, null=True, unique=True)
    tries = models.PositiveSmallIntegerField(_("拨打次数"), default=0)
    next_at = models.DateTimeField(null=True)  # not to be called before
    held_by = models.UUIDField(null=True)  # who has it on the telephone
    held_until = models.DateTimeField(null=True)
    instance_id = models.UUIDField(null=True)  # what a bad score began
    outcome = models.CharField(_("处理结果"), max_length=10, choices=Outcome, blank=True)
    outcome_note = EncryptedTextField(purpose=WORDS_PURPOSE, null=True)
    ticket_id = models.UUIDField(null=True)  # the complaint that came of it

    class Meta:
        verbose_name = verbose_name_plural = _("满意度调查")
        indexes = [
            models.Index(fields=["branch", "state", "way", "id"], name="surveys_desk"),
            models.Index(fields=["party_id", "-asked_at"], name="surveys_party"),
            models.Index(fields=["service_id", "-asked_at"], name="surveys_service"),
            models.Index(
                fields=["expires_at"], condition=Q(state="open"), name="surveys_open_until"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.source} {self.number}"


class Answer(Row):
    """What somebody said, once. `answers` holds what is no free text, by question."""

    invitation = models.OneToOneField(Invitation, models.CASCADE, related_name="answer")
    way = models.CharField(max_length=10, choices=Way)
    score = models.PositiveSmallIntegerField(_("满意度"))  # 5 very content .. 1 not at all
    bad = models.BooleanField(default=False)
    answers = models.JSONField(default=dict)
    words = EncryptedTextField(purpose=WORDS_PURPOSE, null=True)
    reason_code = models.CharField(max_length=130, blank=True)  # GROUP.REASON
    reason_title = models.CharField(_("不满意原因"), max_length=130, blank=True)
    wants_ticket = models.BooleanField(_("要求处理"), default=False)
    answered_by = models.UUIDField(null=True)  # who wrote it down on the telephone
    answered_at = models.DateTimeField(_("答复时间"), default=now)

    class Meta:
        verbose_name = verbose_name_plural = _("满意度答复")
        indexes = [models.Index(fields=["bad", "-id"], name="surveys_bad")]

    def __str__(self) -> str:
        return str(self.score)


class Call(Row):
    """A call to somebody who was to be asked (回访拨打). Each counts once, by its number."""

    invitation = models.ForeignKey(Invitation, models.CASCADE, related_name="calls")
    number = models.PositiveSmallIntegerField()
    reached = models.BooleanField(_("联系到"))
    actor_id = models.UUIDField(null=True)
    at = models.DateTimeField(default=now)

    class Meta:
        verbose_name = verbose_name_plural = _("回访拨打")
        constraints = [
            models.UniqueConstraint(fields=["invitation", "number"], name="surveys_call_once")
        ]

    def __str__(self) -> str:
        return f"{self.number} {self.reached}"


class Guess(models.Model):
    """How often one address tried links that nobody was sent, within a stretch of time."""

    client = models.BinaryField(max_length=32)  # a keyed digest of the address
    window = models.DateTimeField()
    wrong = models.PositiveIntegerField(default=0)

    class Meta:
        verbose_name = verbose_name_plural = _("链接试探")
        constraints = [
            models.UniqueConstraint(fields=["client", "window"], name="surveys_guess_once")
        ]

    def __str__(self) -> str:
        return f"{self.window} {self.wrong}"


class Mark(models.Model):
    """Up to when events have been looked for. One row."""

    name = models.CharField(max_length=20, primary_key=True)
    at = models.DateTimeField()

    class Meta:
        verbose_name = verbose_name_plural = _("调查进度")

    def __str__(self) -> str:
        return self.name
