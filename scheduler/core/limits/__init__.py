"""How many jobs of a handler run at once, and how many begin within a time.

declaration   what a handler declares: limits and a throttle
limiters         what of it a job must have room in
"""
