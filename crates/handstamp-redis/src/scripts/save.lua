-- ARGV: expected revision, new revision, record, time to live in milliseconds, channel (empty with tracking), invalidation
-- 1 saved, now or by an earlier call; 0 there is another revision; -1 nothing, or the tombstone of a session that has ended; -2 the
-- tombstone of a session that has moved
local found = redis.call('GETRANGE', KEYS[1], '4', '19')
if found == ARGV[2] then
  return 1
end
if found ~= ARGV[1] then
  if redis.call('GETRANGE', KEYS[1], '0', '1') == 'ht' then
    local successor = redis.call('GETRANGE', KEYS[1], '36', '67')
    return #successor == 32 and successor ~= string.rep('\0', 32) and -2 or -1
  end
  return redis.call('EXISTS', KEYS[1]) - 1
end
-- Publishes first, because that may be denied; other clients see nothing before the script has ended.
if ARGV[5] ~= '' then
  redis.call('PUBLISH', ARGV[5], ARGV[6])
end
redis.call('SET', KEYS[1], ARGV[3], 'PX', ARGV[4])
if ARGV[5] == '' then
  -- With tracking, the server notifies the readers of a key once: this read has it notify this node again.
  redis.call('GETRANGE', KEYS[1], '0', '0')
end
return 1
