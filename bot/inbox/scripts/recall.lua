-- What is remembered of a conversation, as MessagePack.
-- Uses memory.lua.
-- KEYS: those of memory.lua.
return cmsgpack.pack(memory(KEYS[1], KEYS[2], KEYS[3]))
