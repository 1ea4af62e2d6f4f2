-- Make an in-flight list what its node says: return what it does not hold to the head of the first
-- ones, in their order, and add what it holds and the server has lost or never had.
-- KEYS: in-flight list, nodes. ARGV: node id, how many to look at, how many to return at most, then
-- the entries that are held, each as often as it is held.
-- The node is registered again, if the server has lost that, too: without it, other nodes would count
-- the loads of users without this list.
local list, nodes = unpack(KEYS, OWN + 1, OWN + 2)
local node_id, look_max, strays_max = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
if #ARGV > 3 then redis.call('SADD', nodes, node_id) end
local held, strays, changes = {}, {}, {}
for number = 4, #ARGV do
    held[ARGV[number]] = (held[ARGV[number]] or 0) + 1
end
local found = redis.call('LRANGE', list, 0, look_max - 1)
for _, entry in ipairs(found) do
    if (held[entry] or 0) > 0 then
        held[entry] = held[entry] - 1
    elseif #strays < strays_max then
        table.insert(strays, 1, entry)
    end
end
for _, entry in ipairs(strays) do
    redis.call('LREM', list, 1, entry)
    put_first(entry, changes)
end
add_loads(changes, -1)
if #found < look_max then
    changes = {}
    for entry, left in pairs(held) do
        for _ = 1, left do
            redis.call('RPUSH', list, entry)
            local _, uid = parsed(entry)
            if uid then count_for(changes, uid) end
        end
    end
    add_loads(changes, 1)
end
if #strays > 0 or wakes_some() then wake_up(#strays) end
return #strays
