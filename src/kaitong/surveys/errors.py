"""What can be wrong with asking customers and with what they answer."""

from kaitong.core.errors import BadInput, Conflict, Forbidden, KaitongError, NotFound, Refused


class SurveyError(KaitongError):
    """Root of this package's errors."""

    default_code = "surveys"


class NoSuchSurvey(SurveyError, NotFound):
    """Nobody was asked so, or by another branch. A link that says nothing more than this."""


class SurveyOver(SurveyError, Conflict):
    """It was answered already, or its time is over."""

    default_code = "over"


class TooManyTries(SurveyError, Refused):
    """Somebody tries links that nobody was sent."""

    default_code = "too-many"


class NotAllowed(SurveyError, Forbidden):
    """Only the posts that the playbook names call customers."""


class BadAnswer(SurveyError, BadInput):
    """An answer with faults: every one is named, nothing was written."""
