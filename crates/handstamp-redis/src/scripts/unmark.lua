-- ARGV: mark
-- 1 taken away; 0 it is not there
if redis.call('GET', KEYS[1]) == ARGV[1] then
  return redis.call('DEL', KEYS[1])
end
return 0
