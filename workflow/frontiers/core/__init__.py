"""What every package needs: messages to the user, atomic files, tables with their schemas, shared keys, paths.

Import its modules: `cli` (`UserError`, `run`), `files`, `tables` (`read_table`, `write_table`), `table_batches`,
`table_digest`, `table_paths`, `keys`, `paths`, `sealed`, `single_writer`, `suggest`. It imports no other package.
"""
