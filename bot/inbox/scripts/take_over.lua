-- A person takes a conversation, or gives a sign of life in it.
-- KEYS: who has the conversation, the conversations that persons have (by their last sign), stream of what changes.
-- ARGV: conversation, new owner, whom it may replace besides the assistant ('*': anybody, 'keep': nobody, but the sign
-- counts for whoever has it), seconds it lasts without another sign, time now in ms.
-- Returns {1 or 0, who has it now, time in ms of the last sign}.
local current = redis.call('GET', KEYS[1])
-- Before owners had names, the platform's inbox was written so.
if current == '1' then current = 'inbox' end
if current and current ~= ARGV[2] and ARGV[3] ~= '*' and ARGV[3] ~= current then
  if ARGV[3] == 'keep' then
    redis.call('EXPIRE', KEYS[1], ARGV[4])
    redis.call('ZADD', KEYS[2], ARGV[5], ARGV[1])
  end
  return {0, current, redis.call('ZSCORE', KEYS[2], ARGV[1])}
end
redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[4])
redis.call('ZADD', KEYS[2], ARGV[5], ARGV[1])
if current ~= ARGV[2] then
  redis.call('XADD', KEYS[3], '*', 'kind', 'taken_over', 'conversation', ARGV[1], 'owner', ARGV[2], 'at', ARGV[5])
end
return {1, ARGV[2], ARGV[5]}
