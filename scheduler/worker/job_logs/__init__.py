"""What jobs print, from the bytes of a pipe to pages in the store.

writer    writes the logs of all attempts of this node, a few times a second
buffer    one attempt's output: keeps its beginning and its end, within a bound
pages     lays lines out on pages
"""
