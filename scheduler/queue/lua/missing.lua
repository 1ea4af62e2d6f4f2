-- Those of some ids that are neither near the head of the queue nor in flight on any node.
-- KEYS: queue, then all in-flight lists. ARGV: how many ids from the head are near, then the ids.
local present = {}
for i, key in ipairs(KEYS) do
    local last = i == 1 and tonumber(ARGV[1]) - 1 or -1
    for _, id in ipairs(redis.call('LRANGE', key, 0, last)) do
        present[id] = true
    end
end
local missing = {}
for i = 2, #ARGV do
    if not present[ARGV[i]] then
        table.insert(missing, ARGV[i])
    end
end
return missing
