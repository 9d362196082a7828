"""What can be wrong with a call, before any business rule is asked."""

from django.utils.translation import gettext_lazy

from kaitong.core.errors import KaitongError

# of an attribute: what is told apart by the code of an answer, too
MISSING = gettext_lazy("是必填项，没有填")
BLANK = gettext_lazy("是必填项，不能是空白")


def missing() -> str:
    return str(MISSING)


def is_missing(what: str) -> bool:
    """Whether a fault is that something mandatory is not there, in the reader's language."""
    return what in (str(MISSING), str(BLANK))


class TmfError(KaitongError):
    """Root of this package's errors. `status` is the HTTP status of the answer."""

    status = 400
    default_code = "invalid"


class BadBody(TmfError):
    """The body cannot be read as JSON, or holds what no database can keep."""

    default_code = "invalid-body"


class TooLarge(TmfError):
    status = 413
    default_code = "too-large"


class UnsupportedMediaType(TmfError):
    status = 415
    default_code = "unsupported-media-type"


class BadQuery(TmfError):
    """A filter, a selection or a page that cannot be served."""

    default_code = "invalid-query"


class Unauthenticated(TmfError):
    status = 401
    default_code = "unauthenticated"


class ScopeMissing(TmfError):
    status = 403
    default_code = "insufficient-scope"


class KeyReused(TmfError):
    """An Idempotency-Key that already stands for another request."""

    status = 422
    default_code = "idempotency-key-reused"


class TokenRefused(TmfError):
    """A token cannot be issued or revoked like this."""

    status = 422
    default_code = "token"
