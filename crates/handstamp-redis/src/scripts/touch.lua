-- ARGV: time to live in milliseconds, channel (empty with tracking)
-- 1 touched; -1 there is nothing, or the tombstone of a session that has ended; -2 the tombstone of a session that has moved
if redis.call('GETRANGE', KEYS[1], '0', '1') == 'ht' then
  local successor = redis.call('GETRANGE', KEYS[1], '36', '67')
  return #successor == 32 and successor ~= string.rep('\0', 32) and -2 or -1
end
if redis.call('PEXPIRE', KEYS[1], ARGV[1]) == 1 then
  if ARGV[2] == '' then
    redis.call('GETRANGE', KEYS[1], '0', '0')
  end
  return 1
end
return -1
