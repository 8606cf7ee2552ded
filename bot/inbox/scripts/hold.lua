-- While the assistant is away, tell a waiting customer once that the message has arrived.
-- KEYS: lease, key of the holding word, outbox stream. ARGV: consumer, message, entry id, seconds.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 'lost' end
if redis.call('SET', KEYS[2], '1', 'NX', 'EX', ARGV[4]) then
  redis.call('XADD', KEYS[3], '*', 'message', ARGV[2], 'asked', ARGV[3])
  return 'held'
end
return 'done'
