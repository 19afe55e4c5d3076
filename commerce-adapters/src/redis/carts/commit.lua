-- Judges a change set about carts and writes it whole or not at all.
--
-- KEYS[1] is the mark of this very call; the change set in ARGV[1] names the other keys by their places.
-- Instants are microseconds, versions are text because they may exceed what a number here holds.
-- Answers OK, or what refused: KEY_TAKEN with the record, HANDLED, TOO_LATE or STALE.

local set = cjson.decode(ARGV[1])
local now = tonumber(set.now)

-- Done before, by the same call whose answer was lost.
if redis.call('EXISTS', KEYS[1]) == 1 then
  return {'OK'}
end

if set.claim then
  local kept = redis.call('HMGET', KEYS[set.claim.key], 'body', 'result', 'until')
  if kept[1] and now < tonumber(kept[3]) then
    local refused = string.match(kept[2], '^R:(%d+)$')
    if not refused or set.claim.generation <= tonumber(refused) then
      return {'KEY_TAKEN', kept[1], kept[2]}
    end
  end
end
if set.handled and redis.call('EXISTS', KEYS[set.handled.key]) == 1 then
  return {'HANDLED'}
end
if set.deadline and now >= tonumber(set.deadline) then
  return {'TOO_LATE'}
end

-- Later writes see earlier ones.
local versions = {}
local function version(place)
  if not versions[place] then
    local kept = redis.call('HMGET', KEYS[place], 'version', 'expires')
    versions[place] = kept[1] and now < tonumber(kept[2]) and kept[1] or 'none'
  end
  return versions[place]
end
for _, write in ipairs(set.writes) do
  if version(write.key) ~= write.cart.expected then
    return {'STALE'}
  end
  versions[write.key] = write.cart.version
end

redis.call('SET', KEYS[1], '1', 'PX', set.mark_for)
if set.claim then
  local key = KEYS[set.claim.key]
  redis.call('HSET', key, 'body', set.claim.body, 'result', set.claim.result, 'until', set.claim['until'])
  redis.call('PEXPIRE', key, set.claim.keep)
end
if set.handled then
  redis.call('SET', KEYS[set.handled.key], set.now, 'PX', set.handled.keep)
end
for _, write in ipairs(set.writes) do
  local key = KEYS[write.key]
  redis.call('HSET', key, 'version', write.cart.version, 'expires', write.cart.expires, 'cart', write.cart.text)
  redis.call('PEXPIRE', key, write.cart.keep)
end
return {'OK'}
