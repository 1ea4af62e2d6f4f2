-- Count the load of each user anew, and place those anew whose load was wrong, or who are capped.
-- KEYS: all in-flight lists. ARGV: how many entries to look at in each list, and how many users at
-- most.
-- Where loads are right, which is the rule, this changes nothing.
local counts, wrong, most = {}, {}, tonumber(ARGV[2])
for number = OWN + 1, #KEYS do
    for _, entry in ipairs(redis.call('LRANGE', KEYS[number], 0, ARGV[1] - 1)) do
        local _, uid = parsed(entry)
        if uid then count_for(counts, uid) end
    end
end
if redis.call('HLEN', loads) > most then
    redis.call('DEL', loads)
end
local with_loads = redis.call('HKEYS', loads)
read_loads(with_loads)
for _, uid in ipairs(with_loads) do
    if load_of(uid) ~= (counts[uid] or 0) then wrong[uid] = true end
end
for uid, load in pairs(counts) do
    if load_of(uid) ~= load then wrong[uid] = true end
end
for uid in pairs(wrong) do
    set_load(uid, counts[uid] or 0)
    place(uid, load_of(uid), on_line(uid, 'ZCARD'))
end
write_loads()
local those = {}
for uid in pairs(wrong) do table.insert(those, uid) end
place_in_lanes(those)
local function place_capped()
    for _, uid in ipairs(redis.call('SRANDMEMBER', capped, most)) do
        redis.call('SREM', capped, uid)
        place(uid, counts[uid] or 0, on_line(uid, 'ZCARD'))
    end
end
for _, name in ipairs(lanes_there()) do
    enter(name)
    place_capped()
    leave_if_empty()
end
enter(ANYWHERE)
place_capped()
if wakes_some() then wake_up(0) end
