-- Publish changes: to the stream of all changes, in order, and to the channel of each job.
-- KEYS: stream. ARGV: about how many entries the stream keeps, the prefix of the channels, then for
-- each change the id of its job and its text.
for i = 3, #ARGV, 2 do
    redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[1], '*', 'c', ARGV[i + 1])
    redis.call('PUBLISH', ARGV[2] .. ARGV[i], '')
end
