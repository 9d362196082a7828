"""A day that a clerk has closed takes no more of his money: kept by the database, whoever writes."""

from django.db import migrations

FORWARD = """
CREATE FUNCTION charging_day_is_open() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.clerk_id IS NULL OR NEW.method NOT IN ('cash', 'card') THEN
        RETURN NEW;
    END IF;
    -- Closing takes this lock alone: it waits for payments under way, and they for it.
    PERFORM pg_advisory_xact_lock_shared(hashtextextended('charging.till:' || NEW.clerk_id, 0));
    IF EXISTS (
        SELECT FROM charging_cashclosing
        WHERE clerk_id = NEW.clerk_id AND state <> 'open'
            AND day = (NEW.paid_at AT TIME ZONE 'Asia/Shanghai')::date
    ) THEN
        RAISE EXCEPTION 'The day of this payment is closed for its clerk.'
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER charging_payment_on_open_day BEFORE INSERT ON charging_payment
    FOR EACH ROW EXECUTE FUNCTION charging_day_is_open();

-- What was taken or given is never another sum, another day or another clerk's afterwards.
CREATE FUNCTION charging_payment_is_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'A payment is never changed: correct it by a refund.'
        USING ERRCODE = 'check_violation';
END $$;

CREATE TRIGGER charging_payment_kept BEFORE UPDATE ON charging_payment
    FOR EACH ROW WHEN (
        (OLD.amount_fen, OLD.method, OLD.kind, OLD.paid_at, OLD.clerk_id, OLD.account_id, OLD.order_id)
        IS DISTINCT FROM
        (NEW.amount_fen, NEW.method, NEW.kind, NEW.paid_at, NEW.clerk_id, NEW.account_id, NEW.order_id)
    ) EXECUTE FUNCTION charging_payment_is_kept();
"""

BACKWARD = """
DROP TRIGGER charging_payment_kept ON charging_payment;
DROP FUNCTION charging_payment_is_kept();
DROP TRIGGER charging_payment_on_open_day ON charging_payment;
DROP FUNCTION charging_day_is_open();
"""


class Migration(migrations.Migration):
    dependencies = [("charging", "0005_accounts_and_bills")]

    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
