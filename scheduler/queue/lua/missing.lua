-- Those of some ids that are neither near the head of the queue nor of any in-flight list.
-- KEYS: queue, then all in-flight lists. ARGV: how many ids from a head are near, then the ids.
local present = {}
for _, key in ipairs(KEYS) do
    for _, id in ipairs(redis.call('LRANGE', key, 0, ARGV[1] - 1)) do
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
