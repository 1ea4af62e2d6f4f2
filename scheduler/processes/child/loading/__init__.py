"""Loads the handlers folder, as a package named `handlers`, into each pool process.

    node            snapshot     reads every `*.py` of the folder once: all run one version
    fork server     preload ──▶ installed_packages    imports what the files import, if it is safe
    pool process    importing    executes the files, and collects the handlers; what is wrong with
                                 an import of a module of the folder is in own_modules
    what a job      imports `handlers` from the snapshot as well: its folder is on PYTHONPATH
     starts

The files are executed in each pool process and not once in the fork server: threads would not
survive the fork, and sockets, event loops and random generators would be shared by all jobs.
"""
