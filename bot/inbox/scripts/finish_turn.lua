-- A message leaves the inbox, its replies enter the outbox and the conversation is stored, in one step and once.
-- Uses permission.lua.
-- KEYS: lease, inbox stream, outbox stream, key of the holding word, conversation's memory, dead letters, conversation's
-- version, its events; and for the first reply: who has the conversation, pause, allowance, attempt, conversation's
-- expected echoes.
-- ARGV: consumer, group, entry id, choices offered (JSON), language, 1 or 0 for whether the customer asked for
-- silence (each '' when not known), reason for a dead letter or '', time now in ms; the conversation's version that the
-- turn followed, its version, events, 1 or 0 for whether they are appended, and seconds to keep it, or five times '' for
-- nothing to store; sends a second and the digest of the first reply's text; then the replies.
-- Where the first reply may go out at once it is marked as in flight since the time in `cleared`: a
-- sender that takes it up without delay need not ask.
-- Returns 'lost' when another consumer holds the shard, 'changed' when the conversation is not the one that the turn
-- followed, 'done' when it was finished before, else 'finished'.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 'lost' end
if #redis.call('XPENDING', KEYS[2], ARGV[2], ARGV[3], ARGV[3], 1) == 0 then return 'done' end
local version = ARGV[10]
if version ~= '' then
  if (redis.call('GET', KEYS[7]) or '') ~= ARGV[9] then return 'changed' end
  -- What is appended to has expired this very moment.
  if ARGV[12] == '1' and redis.call('EXISTS', KEYS[8]) == 0 then return 'changed' end
  redis.call('SET', KEYS[7], version, 'EX', ARGV[13])
  redis.call(ARGV[12] == '1' and 'APPEND' or 'SET', KEYS[8], ARGV[11])
  redis.call('EXPIRE', KEYS[8], ARGV[13])
end
local entry = nil
if ARGV[7] ~= '' then entry = redis.call('XRANGE', KEYS[2], ARGV[3], ARGV[3])[1] end
redis.call('XACK', KEYS[2], ARGV[2], ARGV[3])
for i = 16, #ARGV do
  local fields = {'message', ARGV[i], 'asked', ARGV[3]}
  if i == 16 and redis.call('EXISTS', KEYS[9]) == 0 then
    local word = permission(KEYS[10], KEYS[11], KEYS[12], KEYS[13], tonumber(ARGV[8]), 0, tonumber(ARGV[14]), ARGV[15])
    if word == 'go' then fields = {'message', ARGV[i], 'asked', ARGV[3], 'cleared', ARGV[8]} end
  end
  redis.call('XADD', KEYS[3], '*', unpack(fields))
end
if entry then
  redis.call('XADD', KEYS[6], '*', 'stream', KEYS[2], 'entry', ARGV[3], 'field', 'event', 'value', entry[2][2], 'reason', ARGV[7])
elseif redis.call('GET', KEYS[4]) == 'open' then
  redis.call('SET', KEYS[4], ARGV[8], 'EX', 3600)
end
if ARGV[4] ~= '' then redis.call('HSET', KEYS[5], 'choices', ARGV[4]) end
if ARGV[5] ~= '' then redis.call('HSET', KEYS[5], 'language', ARGV[5]) end
if ARGV[6] ~= '' then redis.call('HSET', KEYS[5], 'silent', ARGV[6]) end
redis.call('EXPIRE', KEYS[5], 2592000)
return 'finished'
