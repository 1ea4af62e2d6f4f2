-- Return the ids that are in flight but not held to the head of the queue, in their order.
-- KEYS: queue, in-flight list. ARGV: how many to look at, how many to return at most, then the ids
-- that are held, each as often as it is held.
local held = {}
for i = 3, #ARGV do
    held[ARGV[i]] = (held[ARGV[i]] or 0) + 1
end
local strays = {}
for _, id in ipairs(redis.call('LRANGE', KEYS[2], 0, ARGV[1] - 1)) do
    if (held[id] or 0) > 0 then
        held[id] = held[id] - 1
    elseif #strays < tonumber(ARGV[2]) then
        table.insert(strays, 1, id)
    end
end
for _, id in ipairs(strays) do
    redis.call('LREM', KEYS[2], 1, id)
    redis.call('LPUSH', KEYS[1], id)
end
return #strays
