"""The entry log: every scan and every act as a leaf of a Merkle tree, in the order of arrival.

Begin with `entry_log.py`; `act_names.py` has every act there is. It may use `storage`.
"""
