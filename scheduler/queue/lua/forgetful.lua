-- Whether a node is to tell this run of the server every waiting id: nobody said that it knows them,
-- and no other node is at it.
-- KEYS: epoch. ARGV: the server's run id, node id, milliseconds.
-- If so, leave the node's mark for so long: `remember` counts only while the mark stands, so that a
-- flush in the middle of enqueueing everything again is noticed. Only `remind` has it stand longer:
-- a node that asks again and again, and gets no further, is not to keep others from it.
local epoch = redis.call('GET', KEYS[1])
if epoch == ARGV[1] then return 0 end
local teller = epoch and string.match(epoch, '^' .. ARGV[1] .. ' (.*)$')
if teller then return teller == ARGV[2] and 1 or 0 end
redis.call('SET', KEYS[1], ARGV[1] .. ' ' .. ARGV[2], 'PX', ARGV[3])
return 1
