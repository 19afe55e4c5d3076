-- W3C traceparent of the request that caused the event.
ALTER TABLE notification_logs ADD COLUMN traceparent TEXT;
