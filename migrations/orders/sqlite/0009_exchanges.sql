-- What was sent for returns, and what of their worth pays that.

ALTER TABLE returns_refunds ADD COLUMN exchanged_for BLOB CHECK (length(exchanged_for) = 16);
ALTER TABLE returns_refunds ADD COLUMN worth_minor INTEGER CHECK (worth_minor >= 0);
ALTER TABLE returns_refunds ADD COLUMN credit_minor INTEGER CHECK (credit_minor >= 0);
