-- The log of staff tells of what is done in every context, which events bring. What is there is of accounts.

ALTER TABLE staff_log ADD COLUMN subject_kind TEXT NOT NULL DEFAULT 'USER';
ALTER TABLE staff_log ADD COLUMN event_id BLOB CHECK (length(event_id) = 16);

CREATE UNIQUE INDEX staff_log_events ON staff_log (event_id) WHERE event_id IS NOT NULL;
CREATE INDEX staff_log_actors ON staff_log (actor_id, position);
CREATE INDEX staff_log_subjects ON staff_log (subject_id, position);
