"""The exception family of messaging."""

from kaitong.core.errors import Conflict, KaitongError, NotFound


class MessagingError(KaitongError):
    """Something about a notice cannot be done."""


class NoticeNotFound(NotFound):
    """No such notice among those the actor may see."""


class NoticeConflict(Conflict):
    """The notice is in a state in which this cannot be done."""


class ChannelMisconfigured(MessagingError):
    """The environment names a channel that cannot be used as it says."""
