-- ARGV: expected revision, new revision, record, time to live in milliseconds, channel, notice
-- 1 saved, now or by an earlier call; 0 another revision is there; -1 nothing is there
local found = redis.call('GETRANGE', KEYS[1], 4, 19)
if found == ARGV[2] then
  return 1
end
if found ~= ARGV[1] then
  return redis.call('EXISTS', KEYS[1]) - 1
end
redis.call('SET', KEYS[1], ARGV[3], 'PX', ARGV[4])
redis.call('PUBLISH', ARGV[5], ARGV[6])
return 1
