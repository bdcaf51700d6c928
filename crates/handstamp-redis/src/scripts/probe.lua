-- ARGV: channel (empty: nobody is told)
-- 1 writes work; 0 publishing is not permitted
-- Does to a key beside the records what the other scripts do to records, and leaves nothing for longer than a second.
if ARGV[1] ~= '' then
  if redis.acl_check_cmd then
    if not redis.acl_check_cmd('PUBLISH', ARGV[1], '') then
      return 0
    end
  else
    -- Before Redis 7.0 only trying tells. Whoever hears an empty message ignores it.
    redis.call('PUBLISH', ARGV[1], '')
  end
end
redis.call('GETRANGE', KEYS[1], 0, 1)
redis.call('GET', KEYS[1])
redis.call('EXISTS', KEYS[1])
-- The first write: a server without memory refuses no later one in the same script.
redis.call('SET', KEYS[1], 'probe', 'PX', 1000)
redis.call('PEXPIRE', KEYS[1], 1000)
redis.call('DEL', KEYS[1])
return 1
