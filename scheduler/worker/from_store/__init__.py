"""What a node takes from the store.

claims        claims jobs, and puts aside what is paused
limited       claims jobs that may have to wait for others of their handler
letting_go    lets those go that waited
hindered      has those give way that were let go and cannot begin
predecessors  adds how the jobs ended that claimed ones come after
store_look    finds a job where no id comes from the queue
"""
