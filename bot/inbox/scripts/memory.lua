-- What is remembered of a conversation. Keys: who has it, its memory, its version.
-- Returns {who has it, 1 or 0 for whether the customer asked for silence, language, choices last offered (JSON),
-- version}, each '' when not known.
local function memory(owner, remembered, version)
  local found = redis.call('HMGET', remembered, 'silent', 'language', 'choices')
  return {redis.call('GET', owner) or '', found[1] or '', found[2] or '', found[3] or '', redis.call('GET', version) or ''}
end
