-- The units whose money a refund gives back without a return. Refunds from before say none.

ALTER TABLE refunds ADD COLUMN lines TEXT CHECK (json_valid(lines));
