-- ARGV: expected revision, new revision, record, time to live in milliseconds, channel (empty: nobody is told), notice
-- 1 saved, now or by an earlier call; 0 another revision is there; -1 nothing, or the tombstone of a session that has ended; -2 that of
-- one that has moved
local found = redis.call('GETRANGE', KEYS[1], 4, 19)
if found == ARGV[2] then
  return 1
end
if found ~= ARGV[1] then
  if redis.call('GETRANGE', KEYS[1], 0, 1) == 'ht' then
    local successor = redis.call('GETRANGE', KEYS[1], 36, 67)
    return #successor == 32 and successor ~= string.rep('\0', 32) and -2 or -1
  end
  return redis.call('EXISTS', KEYS[1]) - 1
end
-- First, since it may not be permitted: nobody hears of it before the script has ended.
if ARGV[5] ~= '' then
  redis.call('PUBLISH', ARGV[5], ARGV[6])
end
redis.call('SET', KEYS[1], ARGV[3], 'PX', ARGV[4])
if ARGV[5] == '' then
  -- The server tells whoever has read it, and forgets them with every change.
  redis.call('GETRANGE', KEYS[1], 0, 0)
end
return 1
