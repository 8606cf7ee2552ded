-- Renew the leases a consumer holds and take free ones, up to its fair share among the living members of its group.
-- KEYS: the group's members, then the lease of each stream in the order this consumer prefers.
-- ARGV: consumer, lease in ms, time now in ms.
-- Returns the 1-based positions (among the leases) now held, then those held beyond the fair share as negative numbers.
local consumer, lease_ms, now = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
redis.call('ZADD', KEYS[1], now, consumer)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - lease_ms)
redis.call('PEXPIRE', KEYS[1], lease_ms * 10)
local share = math.ceil((#KEYS - 1) / redis.call('ZCARD', KEYS[1]))
local held, free = {}, {}
for i = 2, #KEYS do
  local owner = redis.call('GET', KEYS[i])
  if owner == consumer then
    redis.call('PEXPIRE', KEYS[i], lease_ms)
    held[#held + 1] = i - 1
  elseif not owner then
    free[#free + 1] = i - 1
  end
end
for _, position in ipairs(free) do
  if #held >= share then break end
  redis.call('SET', KEYS[position + 1], consumer, 'PX', lease_ms)
  held[#held + 1] = position
end
for n = share + 1, #held do held[n] = -held[n] end
return held
