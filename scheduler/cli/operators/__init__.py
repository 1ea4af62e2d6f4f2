"""The commands for those who look after an installation.

pause    pause, resume and list pauses
token    make, list and revoke tokens
"""
