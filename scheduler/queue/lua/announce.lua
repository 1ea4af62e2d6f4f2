-- Say on some channels that something changed.
-- ARGV: channels. One script and not as many commands, for what each of those costs the node.
for _, channel in ipairs(ARGV) do
    redis.call('PUBLISH', channel, '')
end
