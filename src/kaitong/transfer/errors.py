"""What can be wrong with files that come in and go out."""

from kaitong.core.errors import KaitongError, Refused


class TransferError(KaitongError):
    """Root of the errors about imports, exports and backups."""

    default_code = "transfer"


class UnreadableFile(TransferError):
    """A file cannot be read as what it should be."""

    default_code = "unreadable-file"


class BackupRefused(TransferError, Refused):
    """A backup or restore is refused; nothing was changed."""

    default_code = "backup-refused"
