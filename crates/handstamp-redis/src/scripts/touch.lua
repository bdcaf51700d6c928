-- ARGV: time to live in milliseconds, channel (empty: the server tells who has read it)
-- 1 touched; -1 nothing is there, or the tombstone of a session that has ended; -2 that of one that has moved
if redis.call('GETRANGE', KEYS[1], 0, 1) == 'ht' then
  local successor = redis.call('GETRANGE', KEYS[1], 36, 67)
  return #successor == 32 and successor ~= string.rep('\0', 32) and -2 or -1
end
if redis.call('PEXPIRE', KEYS[1], ARGV[1]) == 1 then
  if ARGV[2] == '' then
    redis.call('GETRANGE', KEYS[1], 0, 0)
  end
  return 1
end
return -1
