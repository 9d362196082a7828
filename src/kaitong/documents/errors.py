"""The exception family of documents."""

from kaitong.core.errors import Conflict, KaitongError, NotFound, Refused


class DocumentsError(KaitongError):
    """Something about a number, an attachment or a paper cannot be done."""


class NumberingError(DocumentsError):
    """A numbering rule that would repeat itself or cannot be read."""


class PaperError(DocumentsError):
    """A paper's template or data does not make a sheet."""


class AttachmentRefused(Refused):
    """A file that is not taken: too large, empty, or not what it says."""


class DocumentsConflict(Conflict):
    """Another paper has this number, or was issued first."""


class DocumentsNotFound(NotFound):
    """No such paper or attachment among those the actor may see."""


class StoreError(DocumentsError):
    """The file store lost or damaged a file."""
