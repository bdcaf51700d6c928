-- ARGV: revision, record, time to live in milliseconds, channel (empty with tracking)
-- 1 created, now or by an earlier call; 0 there is another
if redis.call('SET', KEYS[1], ARGV[2], 'NX', 'PX', ARGV[3]) then
  if ARGV[4] == '' then
    redis.call('GETRANGE', KEYS[1], '0', '0')
  end
  return 1
end
if redis.call('GETRANGE', KEYS[1], '4', '19') == ARGV[1] then
  -- A write, so that a `WAIT` covers this call, too.
  redis.call('PEXPIRE', KEYS[1], ARGV[3])
  return 1
end
return 0
