-- KEYS[1] a stream; ARGV[1] milliseconds after which a silent receiver is forgotten; the other ARGV the
-- groups that must have acknowledged what goes.
-- Deletes the entries before the oldest one that some group has yet to acknowledge. While a group is
-- missing nothing goes: it will want everything.

local function parts(id)
  local ms, seq = string.match(id, '^(%d+)-(%d+)$')
  return tonumber(ms), tonumber(seq)
end

local function before(one, other)
  local ms, seq = parts(one)
  local other_ms, other_seq = parts(other)
  return ms < other_ms or (ms == other_ms and seq < other_seq)
end

if redis.call('EXISTS', KEYS[1]) == 0 then
  return 0
end

local missing = {}
for place = 2, #ARGV do
  missing[ARGV[place]] = true
end

local function fields(list)
  local named = {}
  for field = 1, #list, 2 do
    named[list[field]] = list[field + 1]
  end
  return named
end

local oldest = nil
for _, info in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do
  local group = fields(info)
  missing[group['name']] = nil
  local id = group['last-delivered-id']
  if group['pending'] > 0 then
    id = redis.call('XPENDING', KEYS[1], group['name'])[2]
  end
  if oldest == nil or before(id, oldest) then
    oldest = id
  end
  for _, about in ipairs(redis.call('XINFO', 'CONSUMERS', KEYS[1], group['name'])) do
    local receiver = fields(about)
    if receiver['pending'] == 0 and receiver['idle'] > tonumber(ARGV[1]) then
      redis.call('XGROUP', 'DELCONSUMER', KEYS[1], group['name'], receiver['name'])
    end
  end
end

if oldest == nil or next(missing) ~= nil then
  return 0
end
return redis.call('XTRIM', KEYS[1], 'MINID', '~', oldest)
