"""Following jobs: from the changes that a node reads to the events that clients are sent.

events         the kinds of events, and what all followers are promised
event_feed     turns changes into the events of many jobs, once for all followers
sent_so_far    what followers of many jobs were sent
kept_lines     lines of logs that several followers are sent
job_follower   the events of one job, from its current state to its end
"""
