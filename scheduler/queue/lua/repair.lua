-- Delete the keys that are of another type than ours, and return them, each with the type it had.
-- KEYS: complete, then keys. ARGV: the type of each of these keys.
-- The first goes, too: what was deleted may have stood for ids, so all are enqueued anew.
local deleted = {}
for i, expected in ipairs(ARGV) do
    local found = redis.call('TYPE', KEYS[i + 1]).ok
    if found ~= 'none' and found ~= expected then
        redis.call('DEL', KEYS[i + 1])
        table.insert(deleted, KEYS[i + 1])
        table.insert(deleted, found)
    end
end
if #deleted > 0 then redis.call('DEL', KEYS[1]) end
return deleted
