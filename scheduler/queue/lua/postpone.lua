-- Return entries from an in-flight list to the lines of their users, who lose their place until one
-- of their jobs ends.
-- KEYS: in-flight list. ARGV: entries, each after its score.
local ended = {}
for number = 1, #ARGV, 2 do
    local entry = ARGV[number + 1]
    local id, uid = parsed(entry)
    if redis.call('LREM', KEYS[OWN + 1], 1, entry) == 1 and id and uid ~= '' then
        on_line(uid, 'ZADD', ARGV[number], id)
        count_for(ended, uid)
    end
end
add_loads(ended, -1)
for uid in pairs(ended) do
    redis.call('ZREM', users, uid)
    redis.call('SADD', capped, uid)
end
