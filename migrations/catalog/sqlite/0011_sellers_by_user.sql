-- Whoever is to run a seller is looked up. No unique one: shops from before may have somebody who runs two.
CREATE INDEX sellers_by_user ON sellers (user_id) WHERE user_id IS NOT NULL;
