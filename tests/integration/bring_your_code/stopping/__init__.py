"""What the test of aborts in the middle of libraries is made of.

surroundings   what a job meets, and how to see that it is in the middle
databases      servers and files whose locks a job holds and waits for
waits          websites, locks, programs, processes, coroutines and long calls
cases          the handlers, and what an abort does to each
page           the table in docs/aborts.md
"""
