"""What the journal promises, kept by the database: entries balance at commit, nothing is changed."""

from django.db import migrations

FORWARD = """
CREATE FUNCTION charging_entry_balances() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    entry uuid := COALESCE(NEW.entry_id, OLD.entry_id);
    total bigint;
    lines integer;
BEGIN
    SELECT COALESCE(sum(amount_fen), 0), count(*) INTO total, lines
    FROM charging_journalline WHERE entry_id = entry;
    IF total <> 0 OR lines < 2 THEN
        RAISE EXCEPTION 'Journal entry % does not balance: % fen in % lines.', entry, total, lines
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;

CREATE CONSTRAINT TRIGGER charging_line_balances
    AFTER INSERT ON charging_journalline DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION charging_entry_balances();

CREATE FUNCTION charging_entry_has_lines() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM charging_journalline WHERE entry_id = NEW.id) THEN
        RAISE EXCEPTION 'Journal entry % has no lines.', NEW.id USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;

CREATE CONSTRAINT TRIGGER charging_entry_not_empty
    AFTER INSERT ON charging_journalentry DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION charging_entry_has_lines();

CREATE FUNCTION charging_journal_is_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'The journal is never changed: correct it by a further entry.'
        USING ERRCODE = 'check_violation';
END $$;

CREATE TRIGGER charging_entry_kept BEFORE UPDATE OR DELETE ON charging_journalentry
    FOR EACH ROW EXECUTE FUNCTION charging_journal_is_kept();
CREATE TRIGGER charging_line_kept BEFORE UPDATE OR DELETE ON charging_journalline
    FOR EACH ROW EXECUTE FUNCTION charging_journal_is_kept();
"""

BACKWARD = """
DROP TRIGGER charging_line_kept ON charging_journalline;
DROP TRIGGER charging_entry_kept ON charging_journalentry;
DROP TRIGGER charging_entry_not_empty ON charging_journalentry;
DROP TRIGGER charging_line_balances ON charging_journalline;
DROP FUNCTION charging_journal_is_kept();
DROP FUNCTION charging_entry_has_lines();
DROP FUNCTION charging_entry_balances();
"""


class Migration(migrations.Migration):
    dependencies = [("charging", "0001_initial")]

    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
