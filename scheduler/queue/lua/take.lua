-- Move up to ARGV[1] ids from the head of the queue to a node's in-flight list, and return them.
-- KEYS: queue, in-flight list, nodes. ARGV: how many, node id, how many to look at.
-- The node is registered first: `recover` finds an in-flight list only by its node.
-- What cannot be an id (see `is_id` in keys.py) is dropped; the answer has '' for it.
redis.call('SADD', KEYS[3], ARGV[2])
local taken, count = {}, 0
for _ = 1, tonumber(ARGV[3]) do
    if count == tonumber(ARGV[1]) then break end
    local id = redis.call('LMOVE', KEYS[1], KEYS[2], 'LEFT', 'RIGHT')
    if not id then break end
    if #id <= 64 and string.find(id, '^[0-9A-Za-z%-]+$') then
        count = count + 1
        table.insert(taken, id)
    else
        redis.call('LREM', KEYS[2], -1, id)
        table.insert(taken, '')
    end
end
return taken
