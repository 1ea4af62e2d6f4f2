"""The command line: commands that have jobs run again."""
