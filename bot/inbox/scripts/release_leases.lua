-- Give up leases, if still ours. KEYS: the group's members, then leases. ARGV: consumer, '1' to leave the group too.
for i = 2, #KEYS do
  if redis.call('GET', KEYS[i]) == ARGV[1] then redis.call('DEL', KEYS[i]) end
end
if ARGV[2] == '1' then redis.call('ZREM', KEYS[1], ARGV[1]) end
return #KEYS - 1
