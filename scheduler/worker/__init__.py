"""Running jobs: workers take them, attempts run and stop them, slots hold the processes.

node's process                                   pool process
worker ─▶ attempt ─▶ slot ─▶ pool_process ══frames══ child ─▶ handler
             ▲
          watcher
"""
