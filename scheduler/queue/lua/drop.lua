-- Take ids out of the lines of their users.
-- ARGV: for each line its name (see `enter_line`), how many ids, and these.
local at = 1
while at <= #ARGV do
    local uid, last = enter_line(ARGV[at]), at + 1 + tonumber(ARGV[at + 1])
    for begin = at + 2, last, 1000 do
        on_line(uid, 'ZREM', unpack(ARGV, begin, math.min(begin + 999, last)))
    end
    if on_line(uid, 'ZCARD') == 0 then
        redis.call('ZREM', users, uid)
        place(uid, load_of(uid), 0)
    end
    at = last + 1
end
