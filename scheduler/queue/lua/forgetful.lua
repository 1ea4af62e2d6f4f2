-- Whether this run of the server is not the one of which somebody said that it knows every id.
-- KEYS: epoch. ARGV: the server's run id.
-- If so, leave a mark: `remember` counts only while the mark stands, so that a flush in the middle
-- of enqueueing everything again is noticed.
if redis.call('GET', KEYS[1]) == ARGV[1] then return 0 end
redis.call('SET', KEYS[1], 'forgetful ' .. ARGV[1])
return 1
