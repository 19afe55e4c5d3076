-- What an audit looks up: the chain of a session's refresh tokens.
CREATE INDEX refresh_tokens_session ON refresh_tokens (session_id);
