-- Remove entries from an in-flight list.
-- KEYS: in-flight list. ARGV: entries, each as often as it is to be removed.
local ended = {}
for _, entry in ipairs(ARGV) do
    if redis.call('LREM', KEYS[OWN + 1], 1, entry) == 1 then
        local _, uid = parsed(entry)
        if uid then count_for(ended, uid) end
    end
end
add_loads(ended, -1)
if woken > 0 then wake_up(0) end
