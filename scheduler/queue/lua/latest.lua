-- The id of the last change; an empty stream gets a first one, so that what follows can be read.
-- KEYS: stream. ARGV: the text of a first change.
local last = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1]
if last then return last[1] end
local added = redis.pcall('XADD', KEYS[1], '*', 'c', ARGV[1])
if type(added) == 'table' and added.err and string.find(added.err, ' ID', 1, true) then
    redis.call('DEL', KEYS[1])
    added = redis.call('XADD', KEYS[1], '*', 'c', ARGV[1])
end
return added
