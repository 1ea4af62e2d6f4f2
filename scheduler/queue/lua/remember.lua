-- Declare that this run of the server has every waiting id, if the mark of `forgetful` is there.
-- KEYS: complete. ARGV: the server's run id when `forgetful` was called, node id.
if redis.call('GET', KEYS[1]) == ARGV[1] .. ' ' .. ARGV[2] then
    redis.call('SET', KEYS[1], ARGV[1])
end
