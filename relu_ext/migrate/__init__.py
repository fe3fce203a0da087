"""``python -m relu_ext.migrate FILE...`` has scripts use relu_ext. The way of one file, downwards only:

`__main__` (files and diffs) -> `rewrite` (what may be changed, and where) -> `terms` (matches scripts with the table)
-> `spellings` (the table).
"""
