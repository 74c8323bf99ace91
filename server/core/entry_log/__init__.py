"""The entry log: all scans and acts as leaves of a Merkle tree, in order of arrival. Begin with
`entry_log.py`.
"""
