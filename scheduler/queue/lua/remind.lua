-- Enqueue ids if the mark that `forgetful` set for a node is still there, and extend the mark.
-- KEYS: epoch, queue. ARGV: the server's run id when `forgetful` was called, node id, milliseconds,
-- then the ids.
if redis.call('GET', KEYS[1]) ~= ARGV[1] .. ' ' .. ARGV[2] then return 0 end
redis.call('PEXPIRE', KEYS[1], ARGV[3])
for i = 4, #ARGV do
    redis.call('RPUSH', KEYS[2], ARGV[i])
end
return 1
