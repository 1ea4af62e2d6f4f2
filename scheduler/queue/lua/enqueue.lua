-- Add ids to the lines of their users. ARGV: see `add_to_lines`.
add_to_lines(1)
