-- Append events to their shards, each at most once, all or none.
-- Uses memory.lua.
-- ARGV: seconds that a duplicate is remembered, then a MessagePack list of four values an event:
--   'recall', who has the conversation, its memory, its version (keys): of the event that follows, so that whoever
--     takes it up at once need not ask. `recalled` is the MessagePack of what memory.lua gives.
--   'add', stream, key of the duplicate check, event
--   'echo', key of the reply, platform's message id, ''
--   'note', key of the conversation's echoes, platform's message id, 'time|digest'
-- Returns how many events were new.
local remembered = ARGV[1]
local values = cmsgpack.unpack(ARGV[2])
local added, recalled = 0, nil
for i = 1, #values, 4 do
  local act, target, id, value = values[i], values[i + 1], values[i + 2], values[i + 3]
  if act == 'add' then
    if redis.call('SET', id, '1', 'NX', 'EX', remembered) then
      if recalled then
        redis.call('XADD', target, '*', 'event', value, 'recalled', cmsgpack.pack(memory(unpack(recalled))))
      else
        redis.call('XADD', target, '*', 'event', value)
      end
      added = added + 1
    end
    recalled = nil
  elseif act == 'recall' then
    recalled = {target, id, value}
  elseif act == 'echo' then
    redis.call('SET', target, id, 'EX', remembered)
  else
    redis.call('HSET', target, id, value)
    redis.call('EXPIRE', target, 86400)
  end
end
return added
