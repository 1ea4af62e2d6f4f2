-- Return entries from an in-flight list to the lines of their users, who lose their place until one
-- of their jobs ends.
-- KEYS: in-flight list. ARGV: entries, each after its score.
local ended, lines_of_these = {}, {}
for number = 1, #ARGV, 2 do
    local entry = ARGV[number + 1]
    local id, uid, its_lane = parsed(entry)
    if redis.call('LREM', KEYS[OWN + 1], 1, entry) == 1 and id and uid ~= '' then
        enter(its_lane)
        on_line(uid, 'ZADD', ARGV[number], id)
        note_lane(0)
        count_for(ended, uid)
        table.insert(lines_of_these, uid .. '/' .. its_lane)
    end
end
add_loads(ended, -1)
for _, line in ipairs(lines_of_these) do
    local uid = enter_line(line)
    redis.call('ZREM', users, uid)
    redis.call('SADD', capped, uid)
end
