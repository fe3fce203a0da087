"""``python -m relu_ext.migrate FILE...`` has scripts and notebooks use relu_ext. The way of one file, downwards only:

- `__main__` (the command), `files` (finds and writes them), `report` (diffs), `notebooks` (cells as one script)
- `rewrite`: decides on the text as it was read, then changes it; `imports` has the import
- `matching`: what fits the table, and what speaks against a change. It asks `masks` (kept under a name), `derivatives`
  (functions), `foreign` (other array libraries, compilers), `kinds` (booleans, integers) and `words` (what names tell)
- `text`: nodes, and what names mean there; `terms`: finds the table's rows in them; `spellings`: the table
"""
