-- Return what is in flight on some nodes to the head of the first ones, and remove nodes that have
-- nothing left.
-- KEYS: nodes, then an in-flight list for each node. ARGV: how many at most, then the node ids, in
-- the same order.
-- Lists are emptied from their end, so that what was taken first is the first again.
local returned, most, ended = 0, tonumber(ARGV[1]), {}
for number = 2, #ARGV do
    while returned < most do
        local entry = redis.call('RPOP', KEYS[OWN + number])
        if not entry then break end
        put_first(entry, ended)
        returned = returned + 1
    end
    if returned < most then
        redis.call('SREM', KEYS[OWN + 1], ARGV[number])
        redis.call('HDEL', places, ARGV[number])
        redis.call('DEL', wake .. ':' .. ARGV[number])
    end
end
add_loads(ended, -1)
wake_up(returned)
return returned
