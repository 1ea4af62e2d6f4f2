-- Return one entry from an in-flight list to the head of the first ones.
-- KEYS: in-flight list. ARGV: entry.
-- Only one that is in flight is pushed: a second call, or one after `recover`, adds nothing.
if redis.call('LREM', KEYS[OWN + 1], 1, ARGV[1]) == 1 then
    local ended = {}
    put_first(ARGV[1], ended)
    add_loads(ended, -1)
    wake_up(1)
end
