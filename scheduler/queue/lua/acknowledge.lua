-- Remove ids from an in-flight list.
-- KEYS: in-flight list. ARGV: ids, each as often as it is to be removed.
for _, id in ipairs(ARGV) do
    redis.call('LREM', KEYS[1], 1, id)
end
