-- Move up to ARGV[1] ids from the head of the queue to a node's in-flight list, and return them.
-- KEYS: queue, in-flight list, nodes. ARGV: how many, node id.
-- The node is registered first: `recover` finds an in-flight list only by its node.
redis.call('SADD', KEYS[3], ARGV[2])
local taken = {}
for i = 1, tonumber(ARGV[1]) do
    local id = redis.call('LMOVE', KEYS[1], KEYS[2], 'LEFT', 'RIGHT')
    if not id then break end
    taken[i] = id
end
return taken
