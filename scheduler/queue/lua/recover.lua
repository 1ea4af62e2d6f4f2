-- Return all ids in flight on some nodes to the head of the queue, and remove those nodes.
-- KEYS: queue, nodes, then an in-flight list for each node. ARGV: the node ids, in the same order.
-- Lists are emptied from their end, so that the id that was taken first is the first again.
local returned = 0
for i, node in ipairs(ARGV) do
    while redis.call('LMOVE', KEYS[2 + i], KEYS[1], 'RIGHT', 'LEFT') do
        returned = returned + 1
    end
    redis.call('SREM', KEYS[2], node)
end
return returned
