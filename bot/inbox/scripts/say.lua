-- Words of an agent or of the desk enter the outbox, once. KEYS: what was said, outbox stream.
-- ARGV: seconds to remember, then the messages. Returns 1, or 0 when they were there before.
if not redis.call('SET', KEYS[1], '1', 'NX', 'EX', ARGV[1]) then return 0 end
for i = 2, #ARGV do redis.call('XADD', KEYS[2], '*', 'message', ARGV[i]) end
return 1
