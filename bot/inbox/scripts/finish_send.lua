-- A message leaves the outbox: sent, or given up into the dead letters.
-- KEYS: lease, outbox stream, attempt, conversation's sent ids, dead letters, account's allowance.
-- ARGV: consumer, group, entry id, platform's message id or '', time now in ms, reason for a dead letter or '',
-- and, where the platform told: how many calls are left, and when (ms) that number is renewed.
-- What the platform told holds, whoever has the lease.
if ARGV[7] then redis.call('HSET', KEYS[6], 'remaining', ARGV[7], 'resets_at', ARGV[8]) end
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 'lost' end
local entry = nil
if ARGV[6] ~= '' then entry = redis.call('XRANGE', KEYS[2], ARGV[3], ARGV[3])[1] end
if redis.call('XACK', KEYS[2], ARGV[2], ARGV[3]) == 0 then return 'done' end
redis.call('DEL', KEYS[3])
if ARGV[4] ~= '' then
  redis.call('ZADD', KEYS[4], ARGV[5], ARGV[4])
  redis.call('ZREMRANGEBYSCORE', KEYS[4], '-inf', tonumber(ARGV[5]) - 86400000)
  redis.call('EXPIRE', KEYS[4], 86400)
end
if entry then
  redis.call('XADD', KEYS[5], '*', 'stream', KEYS[2], 'entry', ARGV[3], 'field', 'message', 'value', entry[2][2], 'reason', ARGV[6])
end
return 'finished'
