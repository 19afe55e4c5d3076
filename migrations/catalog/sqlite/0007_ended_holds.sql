-- What ended without a sale is found by its age, to be forgotten.
CREATE INDEX reservations_ended ON reservations (expires_at) WHERE state IN ('RELEASED', 'EXPIRED');
