-- The newest receipt of a SKU is found however long its ledger is.
CREATE INDEX stock_ledger_receipts ON stock_ledger (sku, id) WHERE kind = 'RECEIPT';
