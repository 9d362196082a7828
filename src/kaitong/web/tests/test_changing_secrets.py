"""What people type into a change stands nowhere in clear: no table, no log."""

from __future__ import annotations

import logging

from django.db import connection

from kaitong.charging import services as charging
from kaitong.inventory import services as inventory
from kaitong.org.actor import Actor
from kaitong.web.tests.test_changing import place
from kaitong.web.tests.test_changing_attacked import proven
from kaitong.web.tests.world import resident_number

OLD, NEW, RESET = "the-old-0ne", "Fresh-2026", "Again-2027"
PHONE, MAIL, CONTACT = "13955901234", "hidden.mail@example.com", "13955905678"
OWNER_NAME, OWNER_PHONE, OWNER_WORD = "欧阳雪莹", "13955907777", "0wner-word-1"
KNOWN = {OWNER_NAME, OWNER_PHONE, PHONE, CONTACT, MAIL}  # people are found by it: in `party`, clear


def everything() -> dict[str, str]:
    """Every row of every table as text."""
    found = {}
    with connection.cursor() as cursor:
        cursor.execute(
            "select table_name from information_schema.tables where table_schema = 'public'"
        )
        for (table,) in cursor.fetchall():
            cursor.execute(f'select t::text from "{table}" t')
            found[table] = "\n".join(text for (text,) in cursor.fetchall() if text)
    return found


def test_no_table_and_no_log_has_what_was_typed(world, signed_in, part, caplog):
    caplog.set_level(logging.DEBUG)
    clerk = signed_in("clerk")
    lines = [world.line(serial) for serial in (1, 2, 3)]
    asked = (
        ("change-password", {"old_password": OLD, "password": NEW, "password_again": NEW}),
        ("change-data", {"phone": PHONE, "email": MAIL, "contact_name": "王小二",
                         "contact_phone": CONTACT}),
        ("transfer", {"reason": "customer.family", "owner_is": "individual",
                      "owner_name": OWNER_NAME, "owner_phone": OWNER_PHONE,
                      "owner_kind": "resident-id", "owner_number": resident_number(9),
                      "long_term": "true", "reader": "true", "password": OWNER_WORD,
                      "password_again": OWNER_WORD}),
    )  # fmt: skip
    for serial, (line, (procedure, answers)) in enumerate(zip(lines, asked, strict=True), start=1):
        charging.void_due(actor=Actor.system(), order_id=line.order_id)
        inventory.set_password(actor=Actor.system(), service_id=line.id, password=OLD)
        page = proven(clerk, line, procedure, part, serial)
        wrong = clerk.post(place(line, procedure), {**page, **answers, "password": "short",
                           "owner_phone": "1"}, headers=part)  # fmt: skip
        assert wrong.status_code in (200, 422)
        if wrong.status_code == 422:
            assert OLD not in wrong.content.decode()
            done = clerk.post(place(line, procedure), {**page, **answers}, headers=part)
            assert "HX-Redirect" in done.headers, done.content.decode()
    secrets = {
        OLD, NEW, PHONE, MAIL, CONTACT, OWNER_NAME, OWNER_PHONE, OWNER_WORD,
        *(resident_number(serial) for serial in (1, 2, 3, 9)),
    }  # fmt: skip
    for table, text in everything().items():
        known = KNOWN if table.startswith("party_") else set()
        assert not {one for one in secrets - known if one in text}, table
    assert not {one for one in secrets if one in caplog.text}
