-- Add ids to the lines of their users if the mark that `forgetful` set for a node is still there,
-- and extend the mark.
-- ARGV: the server's run id when `forgetful` was called, node id, milliseconds, then see
-- `add_to_lines`.
if redis.call('GET', complete) ~= ARGV[1] .. ' ' .. ARGV[2] then return 0 end
redis.call('PEXPIRE', complete, ARGV[3])
add_to_lines(4)
return 1
