-- May a message go out now? If so, mark it as in flight, so that a crash is settled before it is tried again.
-- Keys: pause, allowance, attempt, conversation's expected echoes. Then the time now in ms, attempts made before, sends a
-- second (0: the headers alone tell) and the digest of the text.
-- Returns 'go', 0 | 'wait', ms | 'paused', 0.
local function permission(pause, allowance, attempt, expected, now, made, rate, digest)
  if redis.call('EXISTS', pause) == 1 then return 'paused', 0 end
  local state = redis.call('HMGET', allowance, 'blocked_until', 'remaining', 'resets_at', 'next_slot')
  local blocked, remaining, resets, slot = tonumber(state[1]), tonumber(state[2]), tonumber(state[3]), tonumber(state[4])
  if blocked and blocked > now then return 'wait', blocked - now end
  if resets and resets > now then
    if remaining <= 0 then return 'wait', resets - now end
    redis.call('HINCRBY', allowance, 'remaining', -1)
  end
  if rate > 0 then
    -- A leaky bucket that holds one second's worth: `next_slot` is when the next call would be due at an even pace.
    slot = math.max(slot or 0, now - 1000)
    if slot > now then return 'wait', math.ceil(slot - now) end
    redis.call('HSET', allowance, 'next_slot', tostring(slot + 1000 / rate))
  end
  redis.call('HSET', attempt, 'attempts', made + 1, 'in_flight_since', now)
  redis.call('EXPIRE', attempt, 604800)
  redis.call('ZADD', expected, now, digest)
  redis.call('ZREMRANGEBYSCORE', expected, '-inf', now - 86400000)
  redis.call('EXPIRE', expected, 86400)
  return 'go', 0
end
