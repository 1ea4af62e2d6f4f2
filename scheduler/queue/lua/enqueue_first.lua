-- Enqueue entries ahead of all others, in their order. ARGV: the entries.
for number = #ARGV, 1, -1 do put_first(ARGV[number], {}) end
wake_up(#ARGV)
