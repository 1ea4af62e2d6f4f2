-- Tell changes: to who reads them all, by their order, and to who watches one of the jobs.
-- KEYS: stream. ARGV: how many entries it keeps, roughly; how channels begin; then a job's id and a
-- text for each change.
for i = 3, #ARGV, 2 do
    redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[1], '*', 'c', ARGV[i + 1])
    redis.call('PUBLISH', ARGV[2] .. ARGV[i], '')
end
