-- ARGV: channel (empty with tracking)
-- 1 writes work; 0 publishing is not permitted
-- Does to an auxiliary key what the other scripts do to records, and leaves nothing for longer than a second.
if ARGV[1] ~= '' then
  if redis.acl_check_cmd then
    if not redis.acl_check_cmd('PUBLISH', ARGV[1], '') then
      return 0
    end
  else
    -- Before Redis 7.0 there is no other check. Nodes ignore an empty message.
    redis.call('PUBLISH', ARGV[1], '')
  end
end
redis.call('GETRANGE', KEYS[1], '0', '1')
redis.call('GET', KEYS[1])
redis.call('EXISTS', KEYS[1])
-- The first write: a server without memory rejects no later write of the same script.
redis.call('SET', KEYS[1], 'probe', 'PX', 1000)
redis.call('PEXPIRE', KEYS[1], 1000)
redis.call('DEL', KEYS[1])
return 1
