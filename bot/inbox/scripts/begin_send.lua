-- May this message go out now?
-- Uses permission.lua.
-- KEYS: lease, pause, allowance, attempt, conversation's expected echoes, outbox stream, who has the conversation,
-- stream of what changes in that.
-- ARGV: consumer, time now in ms, attempts made before, sends a second (0: the headers alone tell), digest of the text,
-- group, entry id, conversation, id of the reply if the assistant wrote it or '', when the reply was cleared (ms) if that
-- was not made use of or ''.
-- Returns {'go', 0} | {'wait', ms} | {'paused', 0} | {'lost', 0} | {'done', 0} for what left the outbox
-- | {'withheld', 0} for a reply of the assistant while a person has the conversation: it leaves the outbox unsent.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return {'lost', 0} end
if #redis.call('XPENDING', KEYS[6], ARGV[6], ARGV[7], ARGV[7], 1) == 0 then return {'done', 0} end
if ARGV[10] ~= '' and redis.call('HGET', KEYS[4], 'in_flight_since') == ARGV[10] then
  redis.call('DEL', KEYS[4])
  local resets = tonumber(redis.call('HGET', KEYS[3], 'resets_at'))
  if resets and resets > tonumber(ARGV[2]) then redis.call('HINCRBY', KEYS[3], 'remaining', 1) end
end
if ARGV[9] ~= '' then
  local owner = redis.call('GET', KEYS[7])
  if owner then
    redis.call('XACK', KEYS[6], ARGV[6], ARGV[7])
    redis.call('DEL', KEYS[4])
    redis.call('XADD', KEYS[8], '*', 'kind', 'withheld', 'conversation', ARGV[8], 'owner', owner, 'reply', ARGV[9], 'at', ARGV[2])
    return {'withheld', 0}
  end
end
return {permission(KEYS[2], KEYS[3], KEYS[4], KEYS[5], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4]), ARGV[5])}
