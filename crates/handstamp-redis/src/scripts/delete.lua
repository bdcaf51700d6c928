-- ARGV: channel, notice
-- 1 deleted; 0 nothing was there
-- First the notice, since it may not be permitted: nobody hears of it before the script has ended.
redis.call('PUBLISH', ARGV[1], ARGV[2])
-- A mark stays: whoever left it may still ask for it. What is no string is no mark.
if redis.pcall('GETRANGE', KEYS[1], 0, 3) == 'hs\0\0' then
  return 0
end
return redis.call('DEL', KEYS[1])
