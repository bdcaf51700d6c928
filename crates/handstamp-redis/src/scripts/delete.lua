-- ARGV: channel (empty: nobody is told), notice, whether somebody waits for replicas (1)
-- 1 deleted; 0 nothing was there
-- A mark stays: whoever left it may still ask for it. What is no string is no mark.
if redis.pcall('GETRANGE', KEYS[1], 0, 3) == 'hs\0\0' then
  return 0
end
-- First the notice, since it may not be permitted: nobody hears of it before the script has ended. Where nothing is, there
-- is nothing to tell.
if ARGV[1] ~= '' and redis.call('EXISTS', KEYS[1]) == 1 then
  redis.call('PUBLISH', ARGV[1], ARGV[2])
end
local deleted = redis.call('DEL', KEYS[1])
if deleted == 0 and ARGV[3] == '1' then
  -- Something to wait for: replicas may not have heard of an earlier call that deleted it.
  redis.call('SET', KEYS[1], '', 'PX', 1)
  redis.call('DEL', KEYS[1])
end
return deleted
