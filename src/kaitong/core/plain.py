"""Single rows of the house's tables without the ORM's compiler.

Django works the SQL of a query out anew each time, and PostgreSQL its plan: for a row by its key,
an insert or an update of named columns that costs several times what the answer does, and a verb
of the house is made of such statements. Here the text of each is made once for a model, asked over
`core.wire` and therefore prepared once for a connection. What comes back are the same instances.

Nothing is kept: each call asks the database, within the transaction that is open. What this module
cannot say as Django would (expressions, other databases, columns of unusual types) goes Django's
way; `Row.save` does so by itself.
"""

from __future__ import annotations

import json
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from threading import Lock
from typing import Any, TypeVar
from uuid import UUID

from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ObjectDoesNotExist
from django.db import DEFAULT_DB_ALIAS, DatabaseError, connections, models, transaction
from django.db.models.base import ModelState
from django.db.models.signals import post_init, post_save, pre_init, pre_save

from kaitong.core import wire

M = TypeVar("M", bound=models.Model)
Params = Sequence[Any]

# Models whose changes triggers note down, with who acts and why (`core.audit`).
audited: set[type[models.Model]] = set()

# Types whose values the wire reads and writes as they are.
_AS_THEY_ARE: tuple[type[models.Field[Any, Any]], ...] = (
    models.UUIDField,
    models.CharField,
    models.TextField,
    models.BooleanField,
    models.IntegerField,
    models.FloatField,
    models.DecimalField,
    models.DateTimeField,
    models.DateField,
    models.BinaryField,
)


# A row as it was written once: by which transaction, and where.
_VERSION = "xmin::text || ctid::text"


class Unable(Exception):
    """Not for here: Django's own way is taken."""


# ---- how columns are read and written ------------------------------------------------------------


def array(values: Iterable[Any]) -> str:
    """An array as PostgreSQL reads it."""
    cells = []
    for value in values:
        if value is None:
            cells.append("NULL")
        else:
            text = str(value).replace("\\", "\\\\").replace('"', '\\"')
            cells.append(f'"{text}"')
    return "{" + ",".join(cells) + "}"


def _target(field: models.Field[Any, Any]) -> models.Field[Any, Any]:
    while isinstance(field, models.ForeignKey):
        field = field.target_field
    return field


def _reader(field: models.Field[Any, Any]) -> Callable[[Any], Any] | None:
    """How a value becomes Python's after the wire has read it; None: it is."""
    kind = _target(field)
    if isinstance(kind, models.JSONField):
        decoder = kind.decoder
        return lambda text: json.loads(text, cls=decoder)
    if isinstance(kind, ArrayField):
        if isinstance(kind.base_field, models.UUIDField):
            return lambda text: [UUID(one) for one in json.loads(text)]
        if isinstance(kind.base_field, models.CharField | models.TextField):
            return json.loads  # selected as JSON
    elif isinstance(kind, _AS_THEY_ARE):
        return None
    raise Unable


def _writer(field: models.Field[Any, Any]) -> Callable[[Any], Any]:
    """How a value becomes a parameter."""
    kind = _target(field)
    if isinstance(kind, models.JSONField):
        encoder = kind.encoder
        return lambda value: None if value is None else json.dumps(value, cls=encoder)
    if isinstance(kind, ArrayField):
        return lambda value: None if value is None else array(value)
    if isinstance(kind, models.BinaryField):
        return _binary
    if isinstance(kind, models.UUIDField):
        return lambda value: value
    if type(kind) is models.DateField:
        return _day
    if isinstance(kind, models.CharField | models.TextField):
        return lambda value: value if value is None or type(value) is str else str(value)
    return field.get_prep_value


def _binary(value: Any) -> str | None:
    if value is None:
        return None
    if not isinstance(value, bytes | memoryview | bytearray):
        raise Unable  # an encrypted column that was not sealed: Django's way refuses it
    return "\\x" + bytes(value).hex()


def _day(value: Any) -> Any:
    if value is None or type(value) is date:
        return value
    raise Unable


class _Shape:
    """The columns of a model and the statements over them."""

    def __init__(self, model: type[models.Model], without: tuple[str, ...] = ()) -> None:
        meta = model._meta
        fields = [f for f in meta.concrete_fields if isinstance(f, models.Field)]
        pk = meta.pk
        if (
            len(meta.parents) > 0
            or "__init__" in vars(model)
            or "from_db" in vars(model)
            or meta.proxy
            or pk is None
            or not isinstance(_target(pk), models.UUIDField)
            or any(field.generated for field in fields)
            or any(s.has_listeners(model) for s in (pre_init, post_init, pre_save, post_save))
        ):
            raise Unable
        self.model = model
        self.table = f'"{meta.db_table}"'
        self.key = f'"{pk.column}"'
        self.fields = fields
        self.by_name: dict[str, models.Field[Any, Any]] = {}
        for field in fields:
            if not field.primary_key:
                self.by_name[field.name] = self.by_name[field.attname] = field
        # read are all, or all but the columns that are left out
        read = [field for field in fields if field.attname not in without]
        self.names = [field.attname for field in read]
        self.readers = [_reader(field) for field in read]
        self.writers = {field.attname: _writer(field) for field in fields}
        self.key_at = fields.index(pk)
        self.columns = ", ".join(map(self._selected, read))
        places = ", ".join(["%s"] * len(fields))
        columns = ", ".join(f'"{field.column}"' for field in fields)
        self.of_key = f"{self.key} = %s"
        self.insert = f"insert into {self.table} ({columns}) values ({places})"
        self.texts: dict[Any, str] = {}

    @staticmethod
    def _selected(field: models.Field[Any, Any]) -> str:
        if isinstance(_target(field), ArrayField):
            return f'to_json("{field.column}")'
        return f'"{field.column}"'

    def update(self, names: tuple[str, ...], condition: str) -> str:
        found = self.texts.get((names, condition))
        if found is None:
            sets = ", ".join(f'"{self.by_name[name].column}" = %s' for name in names)
            found = f"update {self.table} set {sets} where {condition} returning 1"
            self.texts[names, condition] = found
        return found

    def text(self, kind: str, condition: str) -> str:
        """A statement of a kind over a condition, made once."""
        found = self.texts.get((kind, condition))
        if found is None:
            match kind:
                case "where":
                    found = f"select {self.columns} from {self.table} where {condition}"
                case "versions":
                    found = f"select {self.key}, {_VERSION} from {self.table} where {condition}"
                case _:
                    found = (
                        f"select {_VERSION}, {self.columns} from {self.table}"
                        f" where {self.key} = any(%s::uuid[])"
                    )
            self.texts[kind, condition] = found
        return found

    def values(self, row: Sequence[Any]) -> list[Any]:
        """What the wire has read of a row, as the model's fields have it."""
        return [
            value if value is None or read is None else read(value)
            for value, read in zip(row, self.readers, strict=True)
        ]

    def instance(self, values: list[Any]) -> Any:
        # what `from_db` comes to where nobody listens; a column that was left out is not there
        new = self.model.__new__(self.model)
        state = ModelState()
        state.adding, state.db = False, DEFAULT_DB_ALIAS
        new.__dict__.update(zip(self.names, values, strict=True), _state=state)
        return new


_shapes: dict[tuple[type[models.Model], tuple[str, ...]], _Shape | None] = {}


def _shape(model: type[models.Model], without: tuple[str, ...] = ()) -> _Shape | None:
    try:
        return _shapes[model, without]
    except KeyError:
        pass
    found: _Shape | None
    try:
        found = _Shape(model, without)
    except Unable:
        found = None
    _shapes[model, without] = found
    return found


def _known(model: type[models.Model], without: tuple[str, ...] = ()) -> _Shape:
    found = _shape(model, without)
    if found is None:
        raise TypeError(f"{model.__name__} has columns that are not read plainly.")
    return found


def reads(model: type[models.Model]) -> bool:
    """Whether rows of this model can be read here."""
    return _shape(model) is not None


# ---- asking --------------------------------------------------------------------------------------


def ask(text: str, params: Params = ()) -> wire.Rows:
    """The rows of one statement, prepared once it has been asked often; `%s` are its parameters.

    jsonb comes back as text, arrays as PostgreSQL writes them.
    """
    return _ask((text, params))[0]


def _ask(*asked: wire.Asked) -> list[wire.Rows]:
    """Several statements in one exchange."""
    database: Any = connections[DEFAULT_DB_ALIAS]
    if database.in_atomic_block:
        database.validate_no_broken_transaction()
    if not database.force_debug_cursor:
        return wire.ask_on(database, asked)
    begun = time.monotonic()
    try:
        return wire.ask_on(database, asked)
    finally:  # as Django counts its own, for who holds the number of queries of a page
        took = f"{time.monotonic() - begun:.3f}"
        database.queries_log.extend({"sql": text, "time": took} for text, _params in asked)


def same(column: str, value: Any) -> tuple[str, list[Any]]:
    """A condition that a column has a value, or none: NULL is equal to nothing in SQL."""
    return (f"{column} is null", []) if value is None else (f"{column} = %s", [value])


def where(
    model: type[M], condition: str, params: Params = (), *, without: tuple[str, ...] = ()
) -> list[M]:
    """Rows by a condition in SQL over the model's columns: constant text, values as parameters.

    The text may go on after the condition with an order, a limit or a lock. Columns that are left
    out (`without`) are read when they are asked for, as Django's deferred ones.
    """
    shape = _known(model, without)
    rows = ask(shape.text("where", condition), params)
    return [shape.instance(shape.values(row)) for row in rows]


def by_key(
    model: type[M], key: Any, *, lock: bool = False, branches: Sequence[UUID] | None = None
) -> M | None:
    """A row by its key, of these branches if they are given; None when there is none.

    `lock` takes `FOR NO KEY UPDATE`, as `core.locks` does.
    """
    shape = _known(model)
    texts = _BY_KEY[lock, branches is not None]
    params = (key,) if branches is None else (key, array(branches))
    found = where(model, texts.format(shape.key), params)
    return found[0] if found else None


_OF_BRANCHES = "{0} = %s and branch_id = any(%s::uuid[])"
_LOCK = " for no key update"
_BY_KEY = {
    (False, False): "{0} = %s",
    (True, False): "{0} = %s" + _LOCK,
    (False, True): _OF_BRANCHES,
    (True, True): _OF_BRANCHES + _LOCK,
}


def refresh(row: models.Model) -> None:
    """Read a row's columns anew, as `refresh_from_db` does; what hung on it is forgotten."""
    found = by_key(type(row), row.pk)
    if found is None:
        raise ObjectDoesNotExist(f"{type(row).__name__} is not there any more.")
    row._state.fields_cache.clear()
    row.__dict__.update({k: v for k, v in found.__dict__.items() if k != "_state"})


# ---- rows that hardly ever change ----------------------------------------------------------------

MOST_KEPT = 512  # rows of a model
_kept: dict[type[models.Model], OrderedDict[UUID, tuple[str, list[Any]]]] = {}
_keeping = Lock()


def kept(model: type[M], condition: str, params: Params = ()) -> list[M]:
    """As `where`, for rows with long documents that hardly ever change: of those this process has
    read before, only the key and the version are asked for.

    The version is PostgreSQL's own: `xmin`, the transaction that wrote the row, and `ctid`, where,
    for one transaction may write a row several times. So a row that anybody has changed is read
    anew, and what was never committed is never met again. The documents of what is returned are
    shared by all who asked: they are looked at and not changed.
    """
    shape = _known(model)
    versions = ask(shape.text("versions", condition), params)
    if not versions:
        return []
    with _keeping:
        mine = _kept.setdefault(model, OrderedDict())
        known = {key: mine[key] for key, _version in versions if key in mine}
        for key in known:
            mine.move_to_end(key)
    missing = [k for k, version in versions if k not in known or known[k][0] != version]
    if missing:
        rows = ask(shape.text("read", ""), [array(missing)])
        fresh = {row[1 + shape.key_at]: (row[0], shape.values(row[1:])) for row in rows}
        known |= fresh
        with _keeping:
            mine.update(fresh)
            while len(mine) > MOST_KEPT:
                mine.popitem(last=False)
    # one that was taken away between the two is not there
    gone = {key for key in missing if key not in fresh} if missing else ()
    return [shape.instance(known[key][1]) for key, _version in versions if key not in gone]


# ---- saving --------------------------------------------------------------------------------------


def save(
    row: models.Model,
    *,
    force_insert: Any = False,
    force_update: bool = False,
    using: str | None = None,
    update_fields: Iterable[str] | None = None,
) -> bool:
    """Save a row as Django would; False, and nothing done, where that is Django's to do."""
    shape = _shape(type(row))
    if (
        shape is None
        or force_update
        or using not in (None, DEFAULT_DB_ALIAS)
        or row._state.db not in (None, DEFAULT_DB_ALIAS)
        or force_insert not in (False, True)
    ):
        return False
    names = None if update_fields is None else tuple(update_fields)
    if names is None and not row._state.adding:
        return False  # every column of a row that is there
    if names is not None and (force_insert or not names):
        return False
    try:
        return _insert(shape, row) if names is None else _update(shape, row, names)
    except Unable:
        return False


def add(row: models.Model) -> bool:
    """Insert a row unless one is there that it may not stand beside; whether it was."""
    shape = _known(type(row))
    params = _values(shape, row, shape.fields, adding=True)
    return bool(_say(shape, f"{shape.insert} on conflict do nothing returning 1", params))


def update(
    model: type[models.Model], values: Mapping[str, Any], condition: str, params: Params = ()
) -> int:
    """Set columns of the rows that a condition in SQL names; how many there were."""
    shape = _known(model)
    names = tuple(values)
    written = [shape.writers[shape.by_name[name].attname](values[name]) for name in names]
    return len(_say(shape, shape.update(names, condition), [*written, *params]))


def _insert(shape: _Shape, row: models.Model) -> bool:
    row._prepare_related_fields_for_save(operation_name="save")  # type: ignore[attr-defined]
    params = _values(shape, row, shape.fields, adding=True)
    if not _may_say(shape):
        return False
    _say(shape, shape.insert, params)
    row._state.adding = False
    row._state.db = DEFAULT_DB_ALIAS
    return True


def _update(shape: _Shape, row: models.Model, names: tuple[str, ...]) -> bool:
    if not all(name in shape.by_name for name in names):
        return False  # Django says what is wrong with the name
    if row._state.adding:
        return False
    row._prepare_related_fields_for_save(operation_name="save")  # type: ignore[attr-defined]
    fields = [shape.by_name[name] for name in names]
    params = [*_values(shape, row, fields, adding=False), row.pk]
    if not _may_say(shape):
        return False
    if not _say(shape, shape.update(names, shape.of_key), params):
        raise DatabaseError("Save with update_fields did not affect any rows.")
    return True


def _values(
    shape: _Shape, row: models.Model, fields: Iterable[models.Field[Any, Any]], *, adding: bool
) -> list[Any]:
    found = []
    for field in fields:
        value = field.pre_save(row, adding)
        if hasattr(value, "resolve_expression"):
            raise Unable
        found.append(shape.writers[field.attname](value))
    return found


def _may_say(shape: _Shape) -> bool:
    """Whether what is written is written in a transaction, should the audit have to be told."""
    return shape.model not in audited or connections[DEFAULT_DB_ALIAS].in_atomic_block


def _say(shape: _Shape, text: str, params: Params) -> wire.Rows:
    database = connections[DEFAULT_DB_ALIAS]
    if shape.model in audited:
        from kaitong.core import audit  # it stands on models that stand on this

        told = audit.untold(database)
        if told is not None:
            if not database.in_atomic_block:
                with transaction.atomic():
                    return _say(shape, text, params)
            with transaction.mark_for_rollback_on_error(using=DEFAULT_DB_ALIAS):
                _set, rows = _ask((audit.SET, told.params), (text, params))
            database.on_commit(told)
            return rows
    with transaction.mark_for_rollback_on_error(using=DEFAULT_DB_ALIAS):
        return _ask((text, params))[0]
