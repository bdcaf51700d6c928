-- ARGV: expected revision, tombstone, its time to live in milliseconds, channel (empty with tracking), invalidation
-- 1 replaced, now or by an earlier call; 0 there is another revision; -1 nothing, or the tombstone of a session that has ended; -2 the
-- tombstone of a session that has moved elsewhere
if redis.call('GETRANGE', KEYS[1], '4', '19') ~= ARGV[1] then
  if redis.call('GET', KEYS[1]) == ARGV[2] then
    -- A write, so that a `WAIT` covers this call, too.
    redis.call('PEXPIRE', KEYS[1], ARGV[3])
    return 1
  end
  if redis.call('GETRANGE', KEYS[1], '0', '1') == 'ht' then
    local successor = redis.call('GETRANGE', KEYS[1], '36', '67')
    return #successor == 32 and successor ~= string.rep('\0', 32) and -2 or -1
  end
  return redis.call('EXISTS', KEYS[1]) - 1
end
-- Publishes first, because that may be denied; other clients see nothing before the script has ended.
if ARGV[4] ~= '' then
  redis.call('PUBLISH', ARGV[4], ARGV[5])
end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 1
