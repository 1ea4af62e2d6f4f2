"""Says what keeps a node from starting here, or makes it slow; changes nothing.

    examination     all checks, one after the other, each for at most 5 s
    machine         Python, kernel, CPUs, memory, open files
    folders         data_dir, files_dir, the folder for temporary files
    handlers        loads the handlers folder in a process of its own, which is `loading_process`
    access          who may ask the node, and the certificate by which it is known
    port            whether the port is free, and who answers there

The checks are those of the start, `node/preflight` and below, or read what these would write. Store
and queue are looked at by `store/inspecting` and `queue/inspecting`.
"""
