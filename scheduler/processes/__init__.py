"""Pool processes as the node sees them: started, given jobs, and ended with all that jobs started.

    slots ── as many pool processes as there are workers, and a warm spare
    ├─ pool_process         one of them: start it, send it a job, end it
    │  ├─ channel           its socket: jobs there, messages and end frames back
    │  └─ stdio_pipes       what it prints
    ├─ tree                 ends a process and everything below it, and verifies that it is gone
    ├─ shared_memory        removes what ended processes left in /dev/shm
    └─ escaped_processes    ends processes that left the tree of their job

    child/      what runs inside a pool process
    warden/     a process that ends all of this where the node itself cannot

Every pool process imports this file, so it imports nothing.
"""
