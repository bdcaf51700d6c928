-- ARGV: time to live in milliseconds, channel (empty: the server tells who has read it)
-- 1 touched; -1 nothing is there
if redis.call('GETRANGE', KEYS[1], 0, 3) == 'hs\0\0' then
  return -1
end
if redis.call('PEXPIRE', KEYS[1], ARGV[1]) == 1 then
  if ARGV[2] == '' then
    redis.call('GETRANGE', KEYS[1], 0, 0)
  end
  return 1
end
return -1
