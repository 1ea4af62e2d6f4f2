-- Whether a node must remind this run of the server of every waiting id: no node declared that the
-- server has them all, and no other node is reminding it.
-- KEYS: complete, of earlier versions queue and epoch, and one that is never there. ARGV: the
-- server's run id, node id, milliseconds.
-- If so, set the node's mark for that time: `remember` has an effect only while the mark is there,
-- so that a flush in the middle of the reminding is noticed. Only `remind` extends the mark: a node
-- that calls this script again and again, but never reminds, must not keep others from doing it.
-- What nodes of an earlier version enqueued is among the ids that follow, with their users: it goes,
-- and such a node, if one still runs, enqueues its ids again.
-- A mark that would last for longer is none of ours.
-- Each node asks this once a second, and so finds out that the server takes no writes any more: one
-- that is not the master now still answers what only reads. So what needs no write does one without
-- effect; before the other ones, it would have a full server take those.
local mark = redis.call('GET', KEYS[1])
local reminder = mark and string.match(mark, '^' .. ARGV[1] .. ' (.*)$')
local left = redis.call('PTTL', KEYS[1])
local is_reminded = reminder and left >= 0 and left <= tonumber(ARGV[3])
if mark == ARGV[1] or is_reminded then
    redis.call('DEL', KEYS[4])
    return is_reminded and reminder == ARGV[2] and 1 or 0
end
redis.call('SET', KEYS[1], ARGV[1] .. ' ' .. ARGV[2], 'PX', ARGV[3])
redis.call('DEL', KEYS[2], KEYS[3])
return 1
