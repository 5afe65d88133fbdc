"""Turn syntax trees of sqlglot into operations, in the names and types of a dialect."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from autodiff.lint.context import Action
from autodiff.lint.sql_forms import UNNAMED
from autodiff.lint.sql_rows import skips_rows, source_of_copy, target_tables
from autodiff.lint.sql_words import actions_of_words
from autodiff.lint.statements import (
    AddColumnConstraint,
    AddColumnIfAbsent,
    ChangeRows,
    ChangeTable,
    CreateTableIfAbsent,
    CreateTemporary,
    DropSchemaWithContents,
    Harmless,
    MaintainTable,
    RowCopy,
    SetOption,
    Truncate,
    Unparsed,
)
from autodiff.schema.naming import name_constraints
from autodiff.schema.objects import (
    Check,
    Column,
    ColumnType,
    Computed,
    Constraint,
    EnumType,
    Exclusion,
    ForeignKey,
    Identity,
    Index,
    IndexElement,
    Name,
    PrimaryKey,
    Sequence,
    Table,
    Unique,
    View,
)
from autodiff.schema.operations import (
    AddColumn,
    AddConstraint,
    AlterColumn,
    ColumnPatch,
    CreateEnum,
    CreateIndex,
    CreateNamespace,
    CreateSequence,
    CreateTable,
    CreateView,
    DropColumn,
    DropConstraint,
    DropEnum,
    DropIndex,
    DropNamespace,
    DropSequence,
    DropTable,
    DropView,
    RenameColumn,
    RenameIndex,
    RenameTable,
    SetTableOptions,
)
from autodiff.schema.sqltext import tokens
from autodiff.utils.quoting import python_string

if TYPE_CHECKING:
    from autodiff.dialects import Dialect

__all__ = ["Reader"]

_SERIALS = {
    "smallserial": "smallint",
    "serial": "integer",
    "bigserial": "bigint",
    "serial2": "smallint",
    "serial4": "integer",
    "serial8": "bigint",
}


_OPTIONS: dict[str, Any] = {
    "EngineProperty": "engine",
    "RowFormatProperty": "row_format",
    "AlgorithmProperty": "algorithm",
    "LockProperty": "lock",
}
"""The clauses about a whole table, by the class that sqlglot has for them."""


def _set_by_calls(query: Any) -> Iterator[SetOption]:
    """Yield what a SELECT sets by calls of set_config() with literals (PostgreSQL)."""
    from sqlglot import exp

    for call in query.find_all(exp.Anonymous):
        match call.expressions:
            case [exp.Literal() as name, exp.Literal() as value, _]:
                if str(call.this).lower() == "set_config":
                    yield SetOption(name=str(name.this).lower(), value=str(value.this))


class Reader:
    """Reads the statements of one dialect."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._grammar = dialect.features.sql_grammar

    # Commands

    def command(self, statement: str) -> Iterator[Action]:
        """Yield what a command that sqlglot does not parse does; nothing if it is not one."""
        words: list[str] = []
        glue = False
        backslashes = self._dialect.features.backslash_escapes
        for kind, token in tokens(statement, backslashes=backslashes):
            if kind == "space":
                continue
            if token == "." and words:
                words[-1] += "."
                glue = True
            elif glue:
                words[-1] += token
                glue = False
            else:
                words.append(token)
        yield from actions_of_words(words, self._spelled)

    def _spelled(self, text: str) -> Name:
        """Return the name that SQL text spells, such as `public."Users"`."""
        parts: list[str] = []
        for kind, token in tokens(text, backslashes=False):
            if kind == "quoted":
                parts.append(token[1:-1])
            elif token != ".":
                parts.append(self._folded(token))
        return self._name(parts[-1] if parts else text, parts[-2] if len(parts) > 1 else None)

    def _folded(self, name: str) -> str:
        """Return an unquoted name as the database stores it: PostgreSQL in lower case."""
        return name.lower() if self._grammar == "postgres" else name

    def _name(self, name: str, schema: str | None) -> Name:
        return Name(name, None if schema == self._dialect.default_schema else schema)

    # Trees

    def actions(self, tree: Any) -> Iterator[Action]:
        """Yield what a statement does; nothing if no rule can be about it."""
        from sqlglot import exp

        match tree:
            case exp.Create():
                yield from self._create(tree)
            case exp.Drop():
                yield from self._drop(tree)
            case exp.Alter():
                yield from self._alter(tree)
            case exp.TruncateTable():
                names = tuple(map(self._table_name, tree.expressions))
                yield Truncate(tables=names, cascade=tree.args.get("option") == "CASCADE")
            case exp.Set():
                yield from self._set(tree)
            case exp.Select() if tree.args.get("into") is not None:
                yield CreateTable(table=Table(name=self._table_name(tree.args["into"].this)))
            case exp.Select():
                yield from _set_by_calls(tree)
            case exp.Update() | exp.Delete() | exp.Insert() | exp.Merge():
                yield from self._rows(tree)
        for part in tree.find_all(exp.Update, exp.Delete, exp.Insert):
            if part is not tree and not isinstance(tree, exp.Create | exp.Merge):
                yield from self._rows(part)

    def _rows(self, tree: Any) -> Iterator[Action]:
        from sqlglot import exp

        if isinstance(tree, exp.Update | exp.Delete):
            for table, columns, everywhere in target_tables(tree):
                yield ChangeRows(
                    table=self._table_name(table),
                    verb="UPDATE" if isinstance(tree, exp.Update) else "DELETE",
                    everywhere=everywhere,
                    columns=tuple(map(self._identifier, columns)),
                )
            return
        target = tree.this.this if isinstance(tree.this, exp.Schema) else tree.this
        if isinstance(target, exp.Table):
            yield ChangeRows(
                table=self._table_name(target),
                verb="INSERT" if isinstance(tree, exp.Insert) else "MERGE",
                copies=isinstance(tree.args.get("expression"), exp.Query),
                copy=None if skips_rows(tree) else self._row_copy(tree.args.get("expression")),
            )

    def _row_copy(self, query: Any) -> RowCopy | None:
        found = source_of_copy(query)
        if found is None:
            return None
        table, columns = found
        names = None if columns is None else tuple(map(self._identifier, columns))
        return RowCopy(source=self._table_name(table), columns=names)

    def _set(self, tree: Any) -> Iterator[Action]:
        from sqlglot import exp

        for item in tree.expressions:
            pair = item.this
            if isinstance(pair, exp.EQ):
                value = pair.expression
                text = value.this if isinstance(value, exp.Literal) else value.sql(self._grammar)
                yield SetOption(name=str(pair.this.name).lower(), value=str(text))

    # Names, types and columns

    def _identifier(self, part: Any) -> str:
        from sqlglot import exp

        if isinstance(part, exp.Identifier):
            return str(part.this) if part.args.get("quoted") else self._folded(str(part.this))
        return self._folded(str(part.name))

    def _table_name(self, tree: Any) -> Name:
        schema = tree.args.get("db")
        return self._name(
            self._identifier(tree.this), self._identifier(schema) if schema is not None else None
        )

    def _schema_name(self, tree: Any) -> str:
        return self._identifier(tree.args.get("db") or tree.this)

    def _sql(self, tree: Any) -> str:
        return str(tree.sql(dialect=self._grammar))

    def _type_clauses(self, tree: Any) -> str:
        """Return what belongs to the type in a column definition of MySQL, as SQL."""
        from sqlglot import exp

        kinds = (
            exp.CharacterSetColumnConstraint,
            exp.CollateColumnConstraint,
            exp.ZeroFillColumnConstraint,
        )
        parts = (item.kind for item in tree.args.get("constraints") or ())
        found = [self._sql(part) for part in parts if isinstance(part, kinds)]
        return "".join(f" {part}" for part in found) if self._grammar == "mysql" else ""

    def _type(self, tree: Any, clauses: str = "") -> tuple[ColumnType, bool]:
        """Return a type, and whether it is SERIAL."""
        if tree is None:
            return ColumnType(sql=""), False
        text = self._sql(tree) + clauses
        if text.lower() in _SERIALS:
            return ColumnType(sql=_SERIALS[text.lower()]), True
        lowered = "".join(
            token if kind == "string" else token.lower() for kind, token in tokens(text)
        )
        is_plain = self._grammar != "sqlite"
        sql = self._dialect.canonical_type(lowered if is_plain else text)
        return ColumnType(sql=sql, python=f"op.sql_type({python_string(lowered)})"), False

    def casts(self, tree: Any, column: str) -> tuple[str, ...] | None:
        """Return the types to which an expression casts a column; None for another expression."""
        from sqlglot import exp

        match tree:
            case exp.Paren() | exp.Collate():
                return self.casts(tree.this, column)
            case exp.Cast():
                inner = self.casts(tree.this, column)
                return None if inner is None else (*inner, self._type(tree.to)[0].sql)
            case exp.Column() if self._identifier(tree.this) == column:
                return ()
            case _:
                return None

    def _column(self, tree: Any) -> tuple[Column, list[Constraint], Index | None]:
        """Return a column with the constraints of its definition."""
        from sqlglot import exp

        name = self._identifier(tree.this)
        type_, serial = self._type(tree.args.get("kind"), self._type_clauses(tree))
        column = Column(name=name, type=type_, autoincrement=serial, nullable=not serial)
        constraints: list[Constraint] = []
        for item in tree.args.get("constraints") or ():
            kind, named = item.kind, self._own_name(item)
            match kind:
                case exp.NotNullColumnConstraint():
                    column = replace(column, nullable=bool(kind.args.get("allow_null")))
                case exp.DefaultColumnConstraint():
                    column = replace(column, default=self._sql(kind.this))
                case exp.AutoIncrementColumnConstraint():
                    column = replace(column, autoincrement=True)
                case exp.GeneratedAsIdentityColumnConstraint() if kind.args.get("expression"):
                    sql = self._sql(kind.args["expression"])
                    column = replace(column, computed=Computed(sql=sql, persisted=True))
                case exp.GeneratedAsIdentityColumnConstraint():
                    column = replace(
                        column, identity=Identity(always=bool(kind.this)), nullable=False
                    )
                case exp.ComputedColumnConstraint():
                    stored = bool(kind.args.get("persisted")) or self._grammar == "postgres"
                    sql = self._sql(kind.this)
                    column = replace(column, computed=Computed(sql=sql, persisted=stored))
                case exp.PrimaryKeyColumnConstraint():
                    column = replace(column, nullable=False)
                    constraints.append(PrimaryKey(name=named, columns=(name,)))
                case exp.UniqueColumnConstraint():
                    constraints.append(Unique(name=named, columns=(name,)))
                case exp.CheckColumnConstraint():
                    constraints.append(Check(name=named, sql=self._sql(kind.this)))
                case exp.Reference():
                    constraints.append(self._foreign_key(named, (name,), kind))
        return column, constraints, None

    def _own_name(self, item: Any) -> str | None:
        name = self._identifier(item.this) if item.this is not None else None
        return None if name == UNNAMED else name

    def _foreign_key(self, name: str | None, columns: tuple[str, ...], tree: Any) -> ForeignKey:
        from sqlglot import exp

        target = tree.this
        referred: tuple[str, ...] = ()
        if isinstance(target, exp.Schema):
            referred = tuple(map(self._identifier, target.expressions))
            target = target.this
        return ForeignKey(
            name=name, columns=columns, referred=self._table_name(target), referred_columns=referred
        )

    def _constraint(self, tree: Any, name: str | None = None) -> Constraint | Index | None:
        """Return a constraint or an index of a table; None for an unknown kind."""
        from sqlglot import exp

        match tree:
            case exp.Constraint():
                return self._constraint(tree.expressions[0], self._own_name(tree))
            case exp.PrimaryKey():
                return PrimaryKey(name=name, columns=self._columns(tree.expressions))
            case exp.ForeignKey():
                columns = self._columns(tree.expressions)
                return self._foreign_key(name, columns, tree.args["reference"])
            case exp.UniqueColumnConstraint():
                schema = tree.this
                own = schema.this if isinstance(schema, exp.Schema) else None
                named = name if own is None else self._identifier(own)
                return Unique(name=named, columns=self._columns(schema.expressions))
            case exp.CheckColumnConstraint():
                return Check(name=name, sql=self._sql(tree.this))
            case exp.ExcludeColumnConstraint():
                return Exclusion(name=name, elements=((self._sql(tree.this), "="),))
            case exp.IndexColumnConstraint():
                elements = tuple(self._element(part) for part in tree.expressions)
                prefix = tree.args.get("kind")
                options = {"mysql_prefix": str(prefix).upper()} if prefix else {}
                return Index(name=self._own_name(tree), elements=elements, options=options)
            case _:
                return None

    def _columns(self, trees: Any) -> tuple[str, ...]:
        from sqlglot import exp

        plain = [part.this if isinstance(part, exp.Ordered) else part for part in trees]
        return tuple(
            self._identifier(part.this if isinstance(part, exp.Column) else part) for part in plain
        )

    def _element(self, tree: Any) -> IndexElement:
        from sqlglot import exp

        part = tree.this if isinstance(tree, exp.Ordered) else tree
        if isinstance(part, exp.Opclass):
            part = part.this
        if isinstance(part, exp.ColumnPrefix):
            length = str(part.expression)
            return IndexElement(text=self._identifier(part.this), length=int(length))
        if isinstance(part, exp.Column):
            return IndexElement(text=self._identifier(part.this))
        if isinstance(part, exp.Identifier):
            return IndexElement(text=self._identifier(part))
        if self._grammar == "mysql" and isinstance(part, exp.Anonymous):
            sizes = [str(argument) for argument in part.expressions]
            if len(sizes) == 1 and sizes[0].isdigit():  # the first characters of a column
                return IndexElement(text=str(part.this), length=int(sizes[0]))
        return IndexElement(text=self._sql(part), is_expression=True)

    # CREATE

    def _create(self, tree: Any) -> Iterator[Action]:
        from sqlglot import exp

        kind = str(tree.args.get("kind") or "").upper()
        properties = tree.args.get("properties")
        options = list(properties.expressions) if properties is not None else []
        if tree.args.get("replace"):
            yield from self._replaced(tree, kind, options)
        match kind:
            case "TABLE":
                table = self._table(tree.this, options)
                if any(isinstance(option, exp.TemporaryProperty) for option in options):
                    yield CreateTemporary(table=table.name)
                elif tree.args.get("exists"):
                    yield CreateTableIfAbsent(table=table)
                else:
                    yield CreateTable(table=table)
            case "INDEX":
                yield self._index(tree)
            case "SCHEMA" | "DATABASE":
                yield CreateNamespace(name=self._schema_name(tree.this))
            case "VIEW":
                target = tree.this.this if isinstance(tree.this, exp.Schema) else tree.this
                materialized = any(isinstance(o, exp.MaterializedProperty) for o in options)
                query = tree.expression
                sql = "" if query is None else query.sql(self._dialect.features.sql_grammar)
                yield CreateView(
                    view=View(name=self._table_name(target), sql=sql, materialized=materialized)
                )
            case "SEQUENCE":
                yield CreateSequence(sequence=Sequence(name=self._table_name(tree.this)))
            case "TYPE":
                yield from self._enum(tree)
            case "FUNCTION" | "PROCEDURE":
                yield Harmless(sql=kind)
            case _:
                yield Unparsed(sql=self._sql(tree))

    def _replaced(self, tree: Any, kind: str, options: list[Any]) -> Iterator[Action]:
        """Yield what CREATE OR REPLACE drops before it creates (MariaDB)."""
        from sqlglot import exp

        target = tree.this.this if isinstance(tree.this, exp.Schema) else tree.this
        match kind:
            case "TABLE" if not any(isinstance(o, exp.TemporaryProperty) for o in options):
                yield DropTable(name=self._table_name(target))
            case "SEQUENCE":
                yield DropSequence(name=self._table_name(target))
            case "SCHEMA" | "DATABASE":
                yield DropSchemaWithContents(name=self._schema_name(target))

    def _enum(self, tree: Any) -> Iterator[Action]:
        from sqlglot import exp

        values = tree.expression
        if not isinstance(values, exp.DataType):
            yield Harmless(sql="TYPE")  # a composite type
            return
        found = tuple(str(part.this) for part in getattr(values, "expressions", ()) or ())
        yield CreateEnum(enum=EnumType(name=self._table_name(tree.this), values=found))

    def _table(self, tree: Any, options: list[Any]) -> Table:
        from sqlglot import exp

        if not isinstance(tree, exp.Schema):
            return Table(name=self._table_name(tree))  # AS SELECT, LIKE or PARTITION OF
        columns: list[Column] = []
        constraints: list[Constraint] = []
        indexes: list[Index] = []
        for part in tree.expressions:
            if isinstance(part, exp.ColumnDef):
                column, own, _ = self._column(part)
                columns.append(column)
                constraints += own
                continue
            found = self._constraint(part)
            if isinstance(found, Index):
                indexes.append(found)
            elif found is not None:
                constraints.append(found)
        keys = {name for c in constraints if isinstance(c, PrimaryKey) for name in c.columns}
        table = Table(
            name=self._table_name(tree.this),
            columns=tuple(replace(c, nullable=False) if c.name in keys else c for c in columns),
            constraints=tuple(constraints),
            indexes=tuple(indexes),
            options=self._options(options),
        )
        return name_constraints(table)

    def _options(self, options: list[Any]) -> dict[str, str]:
        from sqlglot import exp

        found: dict[str, str] = {}
        for option in options:
            if isinstance(option, exp.EngineProperty):
                found["mysql_engine"] = str(option.this.name)
            elif isinstance(option, exp.CharacterSetProperty):
                found["mysql_charset"] = str(option.this.name)
            elif isinstance(option, exp.CollateProperty):
                found["mysql_collate"] = str(option.this.name)
            elif isinstance(option, exp.RowFormatProperty):
                found["mysql_row_format"] = str(option.this.name)
        return found

    def _index(self, tree: Any) -> Action:
        index = tree.this
        params = index.args.get("params")
        using = params.args.get("using") if params is not None else None
        where = params.args.get("where") if params is not None else None
        parts = (params.args.get("columns") if params is not None else None) or ()
        name = index.args.get("this")
        return CreateIndex(
            table=self._table_name(index.args["table"]),
            index=Index(
                name=None if name is None else self._identifier(name),
                elements=tuple(self._element(part) for part in parts),
                unique=bool(tree.args.get("unique")),
                method=str(using.name).lower() if using is not None else None,
                where=self._sql(where.this) if where is not None else None,
            ),
            concurrently=bool(tree.args.get("concurrently")),
            if_not_exists=bool(tree.args.get("exists")),
        )

    # DROP

    def _drop(self, tree: Any) -> Iterator[Action]:
        kind = str(tree.args.get("kind") or "").upper()
        targets = tree.args.get("tables") or ([tree.this] if tree.this is not None else [])
        for target in targets:
            if kind in ("SCHEMA", "DATABASE"):
                name = self._schema_name(target)
                is_database = kind == "DATABASE" or self._grammar == "mysql"
                whole = bool(tree.args.get("cascade")) or is_database
                yield DropSchemaWithContents(name=name) if whole else DropNamespace(name=name)
                continue
            yield from self._drop_one(tree, kind, target)

    def _drop_one(self, tree: Any, kind: str, target: Any) -> Iterator[Action]:
        name = self._table_name(target)
        match kind:
            case "TABLE":
                if not tree.args.get("temporary"):
                    yield DropTable(name=name)
            case "INDEX":
                owner = tree.args.get("cluster")
                yield DropIndex(
                    table=None if owner is None else self._table_name(owner.this),
                    name=name.name,
                    schema=name.schema,
                    concurrently=bool(tree.args.get("concurrently")),
                    if_exists=bool(tree.args.get("exists")),
                )
            case "VIEW":
                yield DropView(name=name, materialized=bool(tree.args.get("materialized")))
            case "SEQUENCE":
                yield DropSequence(name=name)
            case "TYPE":
                yield DropEnum(name=name)
            case _:
                yield Harmless(sql=kind)

    # ALTER

    def _alter(self, tree: Any) -> Iterator[Action]:
        from sqlglot import exp

        if str(tree.args.get("kind") or "").upper() != "TABLE":
            yield from self._alter_other(tree)
            return
        table = self._table_name(tree.this)
        for option in tree.args.get("options") or ():
            kind = _OPTIONS.get(type(option).__name__)
            if kind is not None:
                yield ChangeTable(table=table, kind=kind, value=str(option.this.name))
            elif isinstance(option, exp.CharacterSetProperty):
                charset = ("mysql_charset", None, str(option.this.name))
                yield SetTableOptions(table=table, options=(charset,))
        for action in tree.args.get("actions") or ():
            yield from self._alteration(tree, table, action)

    def _alter_other(self, tree: Any) -> Iterator[Action]:
        from sqlglot import exp

        kind, name = str(tree.args.get("kind") or "").upper(), self._table_name(tree.this)
        for action in tree.args.get("actions") or ():
            if isinstance(action, exp.AlterRename) and kind == "INDEX":
                after = self._table_name(action.this).name
                yield RenameIndex(table=None, before=name.name, after=after, schema=name.schema)
            elif isinstance(action, exp.AlterRename) and kind == "VIEW":
                yield RenameTable(before=name, after=self._sibling(name, action.this))

    def _sibling(self, name: Name, tree: Any) -> Name:
        """Return the name in the same schema that a RENAME TO gives."""
        found = self._table_name(tree)
        return found if found.schema else Name(found.name, name.schema)

    def _alteration(self, tree: Any, table: Name, action: Any) -> Iterator[Action]:
        from sqlglot import exp

        match action:
            case exp.ColumnDef():
                column, constraints, _ = self._column(action)
                add = AddColumnIfAbsent if action.args.get("exists") else AddColumn
                yield add(table=table, column=column)
                named = name_constraints(Table(name=table, constraints=tuple(constraints)))
                for constraint in named.constraints:
                    yield AddColumnConstraint(table=table, constraint=constraint)
            case exp.Schema():
                for part in action.expressions:
                    yield from self._alteration(tree, table, part)
            case exp.Drop():
                yield from self._drop_part(table, action)
            case exp.DropPrimaryKey():
                yield DropConstraint(table=table, name=None, kind="primary")
            case exp.AlterColumn():
                yield from self._alter_column(table, action)
            case exp.ModifyColumn():
                yield from self._modify_column(table, action)
            case exp.RenameColumn():
                yield RenameColumn(
                    table=table,
                    before=self._columns([action.this])[0],
                    after=self._columns([action.args["to"]])[0],
                )
            case exp.AlterRename():
                yield self._rename(tree, table, action)
            case exp.AddConstraint():
                yield from self._add_constraints(tree, table, action)
            case exp.AlterSet():
                yield self._alter_set(tree, table)
            case _:
                yield Unparsed(sql=self._sql(tree))

    def _alter_set(self, tree: Any, table: Name) -> Action:
        """Return SET of a storage parameter, or of what rewrites the table (PostgreSQL)."""
        words = self._sql(tree).upper().split()
        for rewriting in ("UNLOGGED", "LOGGED", "TABLESPACE", "ACCESS"):
            if rewriting in words:
                return MaintainTable(kind="rewrite", words=f"SET {rewriting} of", name=table)
        return Harmless(sql="SET")

    def _rename(self, tree: Any, table: Name, action: Any) -> Action:
        """Return RENAME TO; or RENAME a TO b, which renames a column."""
        for option in tree.args.get("options") or ():
            if type(option).__name__ == "ToTableProperty":
                after = self._identifier(option.this.this)
                return RenameColumn(
                    table=table, before=self._identifier(action.this.this), after=after
                )
        return RenameTable(before=table, after=self._sibling(table, action.this))

    def _drop_part(self, table: Name, action: Any) -> Iterator[Action]:
        kind = str(action.args.get("kind") or "").upper()
        for target in action.args.get("tables") or ():
            name = self._columns([target])[0]
            match kind:
                case "COLUMN":
                    yield DropColumn(table=table, name=name)
                case "INDEX" | "KEY":
                    yield DropIndex(table=table, name=name)
                case "CONSTRAINT":
                    yield DropConstraint(table=table, name=name)
                case "FOREIGN KEY":
                    yield DropConstraint(table=table, name=name, kind="foreignkey")
                case "CHECK":
                    yield DropConstraint(table=table, name=name, kind="check")
                case _:
                    yield Unparsed(sql=self._sql(action))

    def _alter_column(self, table: Name, action: Any) -> Iterator[Action]:
        name = self._identifier(action.this)
        patch = ColumnPatch()
        using = None
        if action.args.get("dtype") is not None:
            patch = replace(patch, type=self._type(action.args["dtype"])[0])
            using = action.args.get("using") or None
        elif action.args.get("default") is not None:
            patch = replace(patch, default=self._sql(action.args["default"]))
        elif action.args.get("allow_null") is not None:
            patch = replace(patch, nullable=bool(action.args["allow_null"]))
        elif action.args.get("drop"):
            patch = replace(patch, default=None)
        if patch.fields:
            sql = None if using is None else self._sql(using)
            yield AlterColumn(table=table, name=name, after=patch, using=sql)

    def _modify_column(self, table: Name, action: Any) -> Iterator[Action]:
        """Yield MODIFY and CHANGE of MySQL, which repeat the whole definition."""
        column, constraints, _ = self._column(action.this)
        old = action.args.get("rename_from")
        before = column.name if old is None else self._identifier(old)
        after = ColumnPatch.of(column, ("type", "nullable", "default"))
        yield AlterColumn(table=table, name=before, after=after)
        if before != column.name:
            yield RenameColumn(table=table, before=before, after=column.name)
        for constraint in constraints:
            yield AddConstraint(table=table, constraint=constraint)

    def _add_constraints(self, tree: Any, table: Name, action: Any) -> Iterator[Action]:
        options = {"postgresql_not_valid": True} if tree.args.get("not_valid") else {}
        for part in action.expressions:
            found = self._constraint(part)
            if isinstance(found, Index):
                yield CreateIndex(table=table, index=found)
            elif isinstance(found, Check | ForeignKey):
                yield AddConstraint(table=table, constraint=replace(found, options=options))
            elif found is not None:
                yield AddConstraint(table=table, constraint=found)
            else:
                yield Unparsed(sql=self._sql(tree))
