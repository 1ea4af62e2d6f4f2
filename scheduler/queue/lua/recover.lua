-- Return ids in flight on some nodes to the head of the queue, and remove nodes that have none left.
-- KEYS: queue, nodes, then an in-flight list for each node. ARGV: how many ids at most, then the
-- node ids, in the same order.
-- Lists are emptied from their end, so that the id that was taken first is the first again.
local returned, most = 0, tonumber(ARGV[1])
for i = 2, #ARGV do
    while returned < most and redis.call('LMOVE', KEYS[1 + i], KEYS[1], 'RIGHT', 'LEFT') do
        returned = returned + 1
    end
    if returned < most then
        redis.call('SREM', KEYS[2], ARGV[i])
    end
end
return returned
