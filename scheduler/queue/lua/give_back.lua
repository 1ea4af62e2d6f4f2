-- Return one id from an in-flight list to the head of the queue.
-- KEYS: queue, in-flight list. ARGV: id.
-- Only an id that is in flight is pushed: a second call, or one after `recover`, adds nothing.
if redis.call('LREM', KEYS[2], 1, ARGV[1]) == 1 then
    redis.call('LPUSH', KEYS[1], ARGV[1])
end
