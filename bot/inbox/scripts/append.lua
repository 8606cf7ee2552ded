-- Append events to their shards, each at most once, all or none.
-- ARGV: seconds that a duplicate is remembered, then a MessagePack list of four values an event:
--   'add', stream, key of the duplicate check, event
--   'echo', key of the reply, platform's message id, ''
--   'note', key of the conversation's echoes, platform's message id, 'time|digest'
-- Returns how many events were new.
local remembered = ARGV[1]
local values = cmsgpack.unpack(ARGV[2])
local added = 0
for i = 1, #values, 4 do
  local act, target, id, value = values[i], values[i + 1], values[i + 2], values[i + 3]
  if act == 'add' then
    if redis.call('SET', id, '1', 'NX', 'EX', remembered) then
      redis.call('XADD', target, '*', 'event', value)
      added = added + 1
    end
  elseif act == 'echo' then
    redis.call('SET', target, id, 'EX', remembered)
  else
    redis.call('HSET', target, id, value)
    redis.call('EXPIRE', target, 86400)
  end
end
return added
