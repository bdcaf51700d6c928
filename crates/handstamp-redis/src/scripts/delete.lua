-- ARGV: tombstone, its time to live in milliseconds, whether a record that names a predecessor stays (1), channel (empty with
-- tracking), invalidation, whether a `WAIT` follows (1)
-- 1 deleted, now or by an earlier call; 0 there is nothing; -1 the session ended before; the tombstone of a session that has moved; the
-- record that stays
local NONE = string.rep('\0', 32)
-- A value of another type, without a complete header, or in format version 0, is no tombstone, and names nothing.
local head = redis.pcall('GETRANGE', KEYS[1], '0', '75')
local found = type(head) == 'string' and #head == 76 and string.byte(head, 3) ~= 0 and head or ''
local related = found ~= '' and string.sub(found, 37, 68) ~= NONE
if string.sub(found, 1, 2) == 'ht' then
  if ARGV[6] == '1' then
    -- A write, so that the `WAIT` covers the tombstone.
    local left = redis.call('PTTL', KEYS[1])
    redis.call('PEXPIRE', KEYS[1], left > 0 and left or ARGV[2])
  end
  local tombstone = redis.call('GET', KEYS[1])
  return tombstone == ARGV[1] and 1 or related and tombstone or -1
end
if redis.call('EXISTS', KEYS[1]) == 0 then
  if ARGV[6] == '1' then
    -- Likewise: replicas may still have the record. The first write is one that a server without memory does not reject.
    redis.call('DEL', KEYS[1])
    redis.call('SET', KEYS[1], '', 'PX', '1')
    redis.call('DEL', KEYS[1])
  end
  return 0
end
if related and ARGV[3] == '1' and string.sub(found, 1, 2) == 'hs' then
  return redis.call('GET', KEYS[1])
end
-- Publishes first, because that may be denied; other clients see nothing before the script has ended.
if ARGV[4] ~= '' then
  redis.call('PUBLISH', ARGV[4], ARGV[5])
end
-- A server without memory rejects no write after this one, which needs none.
redis.call('DEL', KEYS[1])
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
