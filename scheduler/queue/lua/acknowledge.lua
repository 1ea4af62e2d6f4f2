-- Remove entries from an in-flight list.
-- KEYS: in-flight list. ARGV: how many workers to wake if ids wait, then entries, each as often as it
-- is to be removed.
local ended, wakes = {}, tonumber(ARGV[1])
for number = 2, #ARGV do
    local entry = ARGV[number]
    if redis.call('LREM', KEYS[OWN + 1], 1, entry) == 1 then
        local _, uid = parsed(entry)
        if uid then count_for(ended, uid) end
    end
end
add_loads(ended, -1)
if wakes > 0 then
    for _, name in ipairs(lanes_there()) do
        enter(name)
        if exists(users) then note_lane(wakes) end
    end
    enter(ANYWHERE)
    if not exists(users) then wakes = 0 end
end
if wakes > 0 or wakes_some() then wake_up(wakes) end
