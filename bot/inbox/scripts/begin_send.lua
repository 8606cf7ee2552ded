-- May this message go out now? If so, mark it as in flight, so that a crash is settled before it is tried again.
-- KEYS: lease, pause, allowance, attempt, conversation's expected echoes, outbox stream, who has the conversation,
-- stream of what changes in that.
-- ARGV: consumer, time now in ms, sends a second (0: the headers alone tell), digest of the text, group, entry id,
-- conversation, id of the reply if the assistant wrote it or ''.
-- Returns {'go', attempts so far} | {'wait', ms} | {'paused', 0} | {'lost', 0} | {'done', 0} for what left the outbox
-- | {'withheld', 0} for a reply of the assistant while a person has the conversation: it leaves the outbox unsent.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return {'lost', 0} end
if #redis.call('XPENDING', KEYS[6], ARGV[5], ARGV[6], ARGV[6], 1) == 0 then return {'done', 0} end
if ARGV[8] ~= '' then
  local owner = redis.call('GET', KEYS[7])
  if owner then
    redis.call('XACK', KEYS[6], ARGV[5], ARGV[6])
    redis.call('DEL', KEYS[4])
    redis.call('XADD', KEYS[8], '*', 'kind', 'withheld', 'conversation', ARGV[7], 'owner', owner, 'reply', ARGV[8], 'at', ARGV[2])
    return {'withheld', 0}
  end
end
if redis.call('EXISTS', KEYS[2]) == 1 then return {'paused', 0} end
local now, rate = tonumber(ARGV[2]), tonumber(ARGV[3])
local state = redis.call('HMGET', KEYS[3], 'blocked_until', 'remaining', 'resets_at', 'next_slot')
local blocked, remaining, resets, slot = tonumber(state[1]), tonumber(state[2]), tonumber(state[3]), tonumber(state[4])
if blocked and blocked > now then return {'wait', blocked - now} end
if resets and resets > now then
  if remaining <= 0 then return {'wait', resets - now} end
  redis.call('HINCRBY', KEYS[3], 'remaining', -1)
end
if rate > 0 then
  -- A leaky bucket that holds one second's worth: `next_slot` is when the next call would be due at an even pace.
  slot = math.max(slot or 0, now - 1000)
  if slot > now then return {'wait', math.ceil(slot - now)} end
  redis.call('HSET', KEYS[3], 'next_slot', tostring(slot + 1000 / rate))
end
local attempts = redis.call('HINCRBY', KEYS[4], 'attempts', 1)
redis.call('HSET', KEYS[4], 'in_flight_since', ARGV[2])
redis.call('EXPIRE', KEYS[4], 604800)
redis.call('ZADD', KEYS[5], now, ARGV[4])
redis.call('ZREMRANGEBYSCORE', KEYS[5], '-inf', now - 86400000)
redis.call('EXPIRE', KEYS[5], 86400)
return {'go', attempts}
