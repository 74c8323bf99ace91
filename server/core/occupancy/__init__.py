"""Who is in which hall, who holds which places, and likely copies of badges. Begin with
`pools.py`.
"""
