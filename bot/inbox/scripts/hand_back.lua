-- A conversation goes back to the assistant, with a word to the customer.
-- KEYS: who has the conversation, the conversations that persons have, stream of what changes, outbox stream.
-- ARGV: conversation, who hands it back, from whom alone ('*': anybody), only if no sign came after this time in ms
-- ('': whenever), time now in ms, then the messages.
-- Returns 1, or 0 when it is another's by now, the assistant's already, or was given a sign.
local current = redis.call('GET', KEYS[1])
local last = tonumber(redis.call('ZSCORE', KEYS[2], ARGV[1]))
if not last then return 0 end
if ARGV[4] ~= '' and last > tonumber(ARGV[4]) then return 0 end
if ARGV[3] ~= '*' and current ~= ARGV[3] then return 0 end
redis.call('DEL', KEYS[1])
redis.call('ZREM', KEYS[2], ARGV[1])
redis.call('XADD', KEYS[3], '*', 'kind', 'handed_back', 'conversation', ARGV[1], 'owner', 'bot', 'by', ARGV[2], 'at', ARGV[5])
for i = 6, #ARGV do redis.call('XADD', KEYS[4], '*', 'message', ARGV[i]) end
return 1
