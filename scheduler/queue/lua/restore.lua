-- Return the ids that are in flight but not held to the head of the queue, in their order.
-- KEYS: queue, in-flight list. ARGV: the ids that are held, each as often as it is held.
local held = {}
for _, id in ipairs(ARGV) do
    held[id] = (held[id] or 0) + 1
end
local strays = {}
for _, id in ipairs(redis.call('LRANGE', KEYS[2], 0, -1)) do
    if (held[id] or 0) > 0 then
        held[id] = held[id] - 1
    else
        table.insert(strays, 1, id)
    end
end
for _, id in ipairs(strays) do
    redis.call('LREM', KEYS[2], -1, id)
    redis.call('LPUSH', KEYS[1], id)
end
return #strays
