-- ARGV: channel, notice
-- 1 deleted; 0 nothing was there
local deleted = redis.call('DEL', KEYS[1])
redis.call('PUBLISH', ARGV[1], ARGV[2])
return deleted
