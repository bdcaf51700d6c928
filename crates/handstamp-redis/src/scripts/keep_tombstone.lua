-- ARGV: tombstone, its time to live in milliseconds
-- 1 done; 0 there is no such tombstone
if redis.call('GET', KEYS[1]) == ARGV[1] then
  return redis.call('PEXPIRE', KEYS[1], ARGV[2])
end
return 0
