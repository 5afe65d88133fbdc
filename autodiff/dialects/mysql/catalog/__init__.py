"""Read schemas from the catalog (information_schema) of MySQL and MariaDB.

Reading has four phases, one module each:

1. `queries` builds the SQL: one query for each kind of row, over all databases in the scope.
2. `rows` runs the queries and splits the answers into lines and fields.
3. `objects` converts the fields into columns, keys, indexes and checks.
4. `reflect` puts the objects of each table together and returns the schema.

Then `align` removes from each table what models can leave out or write in another way. `align` and
`ddl` use `implicit_indexes` to recognize the indexes that the server creates for foreign keys.

Each phase relies on the ones before it:

- The number of queries does not grow with the number of tables. Otherwise reading a large database
  over a slow network would take minutes.
- No field is NULL, and none contains a separator. Otherwise the fields after it shift, and a
  comment would be read as a default. `rows` checks the number of separators.
- All lines of a table are in one answer, in the order of its columns, indexes and keys. Otherwise
  columns would be lost or look reordered.
- Objects are immutable and shared: equal lines become the same object. Code that changed one in
  place would change it in every table.
"""
