-- ARGV: expected revision, channel, notice
-- 1 deleted; 0 another revision is there; -1 nothing is there
if redis.call('GETRANGE', KEYS[1], 4, 19) ~= ARGV[1] then
  return redis.call('EXISTS', KEYS[1]) - 1
end
redis.call('DEL', KEYS[1])
redis.call('PUBLISH', ARGV[2], ARGV[3])
return 1
