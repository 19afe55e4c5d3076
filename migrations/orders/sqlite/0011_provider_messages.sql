-- What payment providers said and was applied goes when it is old; this finds the oldest.

CREATE INDEX provider_events_applied ON provider_events (received_at) WHERE state = 'APPLIED';
