-- What is to be taken of what was promised; wallets, what was entered in them, and money on its way into them.

ALTER TABLE payment_attempts ADD COLUMN to_capture_minor INTEGER CHECK (to_capture_minor BETWEEN 0 AND amount_minor);
-- So far everything was taken at once.
UPDATE payment_attempts SET to_capture_minor = amount_minor;

CREATE TABLE wallets (
    user_id BLOB PRIMARY KEY NOT NULL CHECK (length(user_id) = 16),
    currency TEXT NOT NULL CHECK (length(currency) = 3),
    -- What its entries add up to.
    balance_minor INTEGER NOT NULL CHECK (balance_minor >= 0)
) STRICT, WITHOUT ROWID;

CREATE TABLE wallet_entries (
    -- Of the attempt, refund or top-up that it is about.
    id BLOB PRIMARY KEY NOT NULL CHECK (length(id) = 16),
    user_id BLOB NOT NULL REFERENCES wallets (user_id),
    kind TEXT NOT NULL CHECK (kind IN ('TOP_UP', 'SPEND', 'REFUND', 'DECLINED', 'VOIDED')),
    currency TEXT NOT NULL CHECK (length(currency) = 3),
    amount_minor INTEGER NOT NULL,
    entered_at INTEGER NOT NULL,
    CHECK (CASE WHEN kind IN ('TOP_UP', 'REFUND') THEN amount_minor > 0
        WHEN kind = 'SPEND' THEN amount_minor < 0 ELSE amount_minor = 0 END)
) STRICT, WITHOUT ROWID;
CREATE INDEX wallet_entries_user ON wallet_entries (user_id, id);

CREATE TABLE wallet_top_ups (
    id BLOB PRIMARY KEY NOT NULL CHECK (length(id) = 16),
    user_id BLOB NOT NULL CHECK (length(user_id) = 16),
    provider TEXT NOT NULL,
    method TEXT NOT NULL CHECK (method IN ('UPI', 'CARD', 'NET_BANKING')),
    currency TEXT NOT NULL CHECK (length(currency) = 3),
    amount_minor INTEGER NOT NULL CHECK (amount_minor > 0),
    to_capture_minor INTEGER CHECK (to_capture_minor BETWEEN 0 AND amount_minor),
    state TEXT NOT NULL CHECK (state IN
        ('CREATED', 'PENDING', 'UNKNOWN', 'AUTHORIZED', 'CAPTURED', 'DECLINED', 'VOIDED')),
    token TEXT,
    reference TEXT,
    failure_code TEXT,
    next_action_type TEXT,
    next_action_url TEXT,
    created_at INTEGER NOT NULL,
    check_at INTEGER,
    checks INTEGER NOT NULL CHECK (checks >= 0),
    version INTEGER NOT NULL CHECK (version >= 1),
    CHECK ((next_action_type IS NULL) = (next_action_url IS NULL))
) STRICT, WITHOUT ROWID;
CREATE INDEX wallet_top_ups_reference ON wallet_top_ups (provider, reference) WHERE reference IS NOT NULL;
CREATE INDEX wallet_top_ups_check ON wallet_top_ups (check_at) WHERE check_at IS NOT NULL;
