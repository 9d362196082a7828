"""What can be wrong with a call, before any business rule is asked."""

from kaitong.core.errors import KaitongError


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
