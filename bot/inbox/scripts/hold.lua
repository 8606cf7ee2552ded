-- While the assistant is away, tell a waiting customer once that the message has arrived.
-- The key is 'open' from the word to the next answer, and then the time of that answer: what arrived before it came in
-- during the same outage, and was covered by the word.
-- KEYS: lease, key of the holding word, outbox stream.
-- ARGV: consumer, message, entry id, seconds to remember, when the entry arrived in ms.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 'lost' end
local state = redis.call('GET', KEYS[2])
if state == 'open' or (state and tonumber(state) >= tonumber(ARGV[5])) then return 'done' end
redis.call('SET', KEYS[2], 'open', 'EX', ARGV[4])
redis.call('XADD', KEYS[3], '*', 'message', ARGV[2], 'asked', ARGV[3])
return 'held'
