-- KEYS[1] a client's number; ARGV now, one request's share and the period, in microseconds.
-- Moves the number on unless that is more than a period ahead. Answers what it was.

local now, share, period = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local kept = redis.call('GET', KEYS[1])
local whole_at = math.max(now, tonumber(kept or now))
if whole_at + share - now <= period then
  -- As text of whole digits: a number this large would be written with an exponent.
  redis.call('SET', KEYS[1], string.format('%.0f', whole_at + share), 'PX', math.ceil(period / 1000) + 1)
end
return kept and string.format('%.0f', whole_at)
