-- Publish changes: to the stream of all changes, in order, and to the channel of each job.
-- KEYS: stream. ARGV: about how many entries the stream keeps, the prefix of the channels, then for
-- each change the id of its job and its text.
-- A stream that takes no new id, since somebody added one with the greatest there is, begins anew.
for i = 3, #ARGV, 2 do
    local entry = {KEYS[1], 'MAXLEN', '~', ARGV[1], '*', 'c', ARGV[i + 1]}
    local added = redis.pcall('XADD', unpack(entry))
    if type(added) == 'table' and added.err and string.find(added.err, ' ID', 1, true) then
        redis.call('DEL', KEYS[1])
        added = redis.pcall('XADD', unpack(entry))
    end
    if type(added) == 'table' and added.err then return added end
    redis.call('PUBLISH', ARGV[2] .. ARGV[i], '')
end
