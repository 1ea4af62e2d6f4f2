"""The configuration of a node.

sections   each key with its default, its bounds and its description
loading    reads the file and the environment, and names every error in them
reading    the reading alone, without pydantic: the command line looks for host and port
"""
