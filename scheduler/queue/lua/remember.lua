-- Declare that this run of the server knows every id, if the mark of `forgetful` still stands.
-- KEYS: epoch. ARGV: the server's run id when `forgetful` looked, node id.
if redis.call('GET', KEYS[1]) == ARGV[1] .. ' ' .. ARGV[2] then
    redis.call('SET', KEYS[1], ARGV[1])
end
