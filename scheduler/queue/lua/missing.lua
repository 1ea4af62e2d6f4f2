-- Which of some ids would never come: they are neither near the head of the first ones or of any
-- in-flight list, nor in the line of a user who has a place; as numbers from 1.
-- KEYS: all in-flight lists. ARGV: how many entries from a head are near, then ids, each with the name
-- of its line (see `enter_line`).
local present = {}
local function look_at(list)
    for _, entry in ipairs(redis.call('LRANGE', list, 0, ARGV[1] - 1)) do
        local id = parsed(entry)
        if id then present[id] = true end
    end
end
look_at(first)
for _, name in ipairs(lanes_there()) do
    enter(name)
    look_at(first)
end
for number = OWN + 1, #KEYS do look_at(KEYS[number]) end
local function comes(id, line)
    local uid = enter_line(line)
    if present[id] then return true end
    if not on_line(uid, 'ZSCORE', id) then return false end
    return redis.call('ZSCORE', users, uid) or redis.call('SISMEMBER', capped, uid) == 1
end
local missing = {}
for number = 2, #ARGV, 2 do
    if not comes(ARGV[number], ARGV[number + 1]) then
        table.insert(missing, number / 2)
    end
end
return missing
