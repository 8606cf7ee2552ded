-- Put a dead letter back at the end of the stream it came from. KEYS: dead letters. ARGV: id. Returns 1, or 0 if gone.
local entry = redis.call('XRANGE', KEYS[1], ARGV[1], ARGV[1])[1]
if not entry then return 0 end
local fields = {}
for i = 1, #entry[2], 2 do fields[entry[2][i]] = entry[2][i + 1] end
redis.call('XADD', fields['stream'], '*', fields['field'], fields['value'])
redis.call('XDEL', KEYS[1], ARGV[1])
return 1
