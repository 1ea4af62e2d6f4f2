"""Who is let in.

hosts       the host names by which a node may be asked
cookies     reads a cookie
browsers    refuses requests for other hosts, and writes that come from other web sites
"""
