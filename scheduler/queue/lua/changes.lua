-- The changes from one id on, as ids and texts in turn; '' for an entry that is none of ours.
-- KEYS: stream. ARGV: id, how many at most, how many bytes a text may have.
local found = {}
for _, entry in ipairs(redis.call('XRANGE', KEYS[1], ARGV[1], '+', 'COUNT', ARGV[2])) do
    local name, text = unpack(entry[2], 1, 2)
    local ours = #entry[2] == 2 and name == 'c' and #text <= tonumber(ARGV[3])
    table.insert(found, entry[1])
    table.insert(found, ours and text or '')
end
return found
