"""The configuration of a node.

sections   each key with its default, its bounds and its description
loading    reads the file and the environment, and names every error in them
"""
