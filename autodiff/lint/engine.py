"""Run the rules over migrations."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple

from autodiff.errors import ConfigError, MigrationFileError, exception_words
from autodiff.lint.columns_by_table import NO_COLUMNS
from autodiff.lint.context import History, Script, Step
from autodiff.lint.finding import Finding
from autodiff.lint.reader import read_script
from autodiff.lint.registry import unknown_rule
from autodiff.lint.rule import Match, Rule
from autodiff.lint.stored_queries import NO_QUERIES
from autodiff.lint.suppress import Suppressions
from autodiff.runner.loader import Loader
from autodiff.schema.operations import RenameTable

if TYPE_CHECKING:
    from autodiff.dialects import Dialect
    from autodiff.lint.settings import LintSettings
    from autodiff.migrations import Migration
    from autodiff.schema.objects import Name, Table

__all__ = ["LintRequest", "Linted", "lint_migrations", "run_rules"]

UNUSED_SUPPRESSION = "AD903"


@dataclass(frozen=True, slots=True, kw_only=True)
class LintRequest:
    """What to lint.

    order: the migrations in the order in which they are applied, up to the last one to lint.
    revisions: those to lint; the others are read because these build on them.
    dialects: the databases for which they are linted.
    rules: all rules by code.
    history: for the rules about the history; None to leave them out.
    is_application: whether a module belongs to the application.
    lock_timeout: the seconds that a statement may wait for a lock; None if that is not ours to set.
    statement_timeout: the seconds that a statement may run; likewise.
    tables: the tables before the first migration.
    rows: the number of rows of each table of the database; empty if no database was asked.
    """

    order: Sequence[Migration]
    revisions: frozenset[str]
    dialects: Sequence[Dialect]
    rules: Mapping[str, Rule]
    settings: LintSettings
    history: History | None = None
    is_application: Callable[[str], bool] = lambda module: False
    lock_timeout: float | None = None
    statement_timeout: float | None = None
    tables: Mapping[Name, Table] = field(default_factory=dict)
    rows: Mapping[Name, int] = field(default_factory=dict)

    @property
    def selected(self) -> list[Migration]:
        """The migrations to lint, in order."""
        return [migration for migration in self.order if migration.revision in self.revisions]


@dataclass(frozen=True, slots=True, kw_only=True)
class Linted:
    """The findings.

    harmless: the number of places that were left out because their tables have few rows.
    problems: the errors of files that could not be read; nothing in these was checked.
    unknown_codes: an error for each comment that names a rule that does not exist.
    """

    findings: tuple[Finding, ...]
    harmless: int = 0
    problems: tuple[MigrationFileError, ...] = ()
    unknown_codes: tuple[ConfigError, ...] = ()


def lint_migrations(request: LintRequest) -> tuple[Finding, ...]:
    """Return the findings, in the order of the migrations and lines; see `run_rules`.

    Raises MigrationFileError, with the line, for a file that is not valid Python.
    """
    linted = run_rules(request)
    for problem in linted.problems:
        raise problem
    return linted.findings


def run_rules(request: LintRequest) -> Linted:
    """Run the rules.

    Returns:
        The findings, in the order of the migrations and lines, and the errors of the files that
        are not valid Python.

    Raises:
        ConfigError: A rule failed.
    """
    active = [rule for rule in request.rules.values() if request.settings.applies(rule)]
    problems: dict[str, MigrationFileError] = {}
    suppressions = _suppressions(request, problems)
    collector = _Collector(request, suppressions)
    if request.history is not None:
        for rule in active:
            if rule.scope == "history":
                collector.add(rule, None, _matches(rule, request.history, None, None))
    loader = Loader()
    seen: set[Rule] = set()
    for dialect in request.dialects:
        own = [rule for rule in active if any(map(dialect.matches, rule.databases))]
        seen.update(rule for rule in own if rule.scope != "history" or request.history is not None)
        rules = _RulesByScope(own)
        for script in _scripts(request, dialect, loader, problems):
            for rule, subject, line in rules.checks(script):
                if places := _matches(rule, subject, line, script.migration):
                    collector.add(rule, script, places)
    unused = request.rules.get(UNUSED_SUPPRESSION)
    if unused is not None and unused in active:
        collector.add_unused(unused, {rule.code for rule in seen})
    return Linted(
        findings=collector.findings(),
        harmless=collector.harmless,
        problems=tuple(problems.values()),
        unknown_codes=tuple(_unknown_codes(request, suppressions)),
    )


class _RulesByScope:
    """The rules for one kind of database; finds those that look at a step by its class."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._script_rules = [rule for rule in rules if rule.scope == "script"]
        self._step_rules = [rule for rule in rules if rule.scope == "step"]
        self._by_class: dict[type, list[Rule]] = {}

    def checks(self, script: Script) -> Iterator[tuple[Rule, Script | Step, int | None]]:
        """Yield each rule with its subject, and the line of the subject."""
        is_contract = script.migration.phase == "contract"
        for rule in self._script_rules:
            if not (is_contract and rule.is_about_deploys):
                yield rule, script, None
        for step in script.steps:
            for rule in self._for_class(type(step.action)):
                # in the phase contract, the old version is not running any more
                if not (is_contract and rule.is_about_deploys):
                    yield rule, step, step.line

    def _for_class(self, action: type) -> list[Rule]:
        found = self._by_class.get(action)
        if found is None:
            found = self._by_class[action] = [
                rule
                for rule in self._step_rules
                if not rule.actions or issubclass(action, rule.actions)
            ]
        return found


def _unknown_codes(
    request: LintRequest, suppressions: Mapping[str, Suppressions]
) -> Iterator[ConfigError]:
    """Yield an error for each code in a comment that is not that of a rule."""
    for migration in request.selected:
        for comment in suppressions[migration.revision].comments:
            for code in comment.codes:
                if code not in request.rules:
                    place = f" in the comment at {migration.path}:{comment.line}"
                    yield unknown_rule(code, request.rules, place)


def _suppressions(
    request: LintRequest, problems: dict[str, MigrationFileError]
) -> dict[str, Suppressions]:
    """Return the comments of each migration; add the errors of those that are not valid Python."""
    found: dict[str, Suppressions] = {}
    names = {rule.name: rule.code for rule in request.rules.values()}
    for migration in request.selected:
        try:
            found[migration.revision] = Suppressions.of(migration, names)
        except MigrationFileError as error:
            found[migration.revision] = Suppressions()
            problems[migration.revision] = error
    return found


def _scripts(
    request: LintRequest,
    dialect: Dialect,
    loader: Loader,
    problems: dict[str, MigrationFileError],
) -> Iterator[Script]:
    """Yield the scripts to lint; those before them are only followed."""
    tables, queries, filled = request.tables, NO_QUERIES, NO_COLUMNS
    left = len(request.revisions)
    version = _version(dialect)
    rows = dict(request.rows)
    for migration in request.order:
        if not left:
            return
        wanted = migration.revision in request.revisions
        left -= wanted
        if not migration.is_for(dialect):
            continue
        try:
            script = read_script(migration, dialect, tables, loader, queries, filled)
        except MigrationFileError as error:
            problems.setdefault(migration.revision, error)
            continue
        tables, queries = script.tables_after, script.queries_after
        filled = script.filled_after
        if rows:
            _follow_names(rows, script)
        if wanted:
            own, longest = migration.lock_timeout, migration.statement_timeout
            script.lock_timeout = request.lock_timeout if own is None else own
            script.statement_timeout = request.statement_timeout if longest is None else longest
            script.is_application = request.is_application
            script.version = version
            script.rows = dict(rows)
            yield script


def _follow_names(rows: dict[Name, int], script: Script) -> None:
    """Add the new names of tables that the database still has by their old names."""
    for action in script.actions():
        if isinstance(action, RenameTable) and action.before in rows:
            rows.setdefault(action.after, rows[action.before])


class _Place(NamedTuple):
    """What a rule found: the match, the line, and the step."""

    match: Match
    line: int | None
    step: Step | None = None


def _version(dialect: Dialect) -> tuple[int, ...] | None:
    numbers = [part for part in (dialect.version or "").split(".") if part.isdigit()]
    return tuple(map(int, numbers)) or None


def _matches(
    rule: Rule, subject: object, line: int | None, migration: Migration | None
) -> list[_Place]:
    """Return what a rule finds in a step, a script or the history."""
    try:
        step = subject if isinstance(subject, Step) else None
        return [_Place(match, line, step) for match in rule.check(subject)]
    except Exception as error:  # a rule can be other people's code
        place = "the history" if migration is None else migration.name
        raise ConfigError(
            f"rule {rule.code} failed on {place}: {exception_words(error)}",
            hint=f'report it, and set ignore = ["{rule.code}"] in the settings of lint until then',
        ) from error


class _Collector:
    """Collects findings; those of several databases at one place become one."""

    def __init__(self, request: LintRequest, suppressions: Mapping[str, Suppressions]) -> None:
        self._request = request
        self._suppressions = suppressions
        self._by_name = {m.name: m for m in request.selected}
        self._places = {m.name: place for place, m in enumerate(request.selected)}
        self._found: dict[tuple[object, ...], Finding] = {}
        self._harmless: set[tuple[object, ...]] = set()

    @property
    def harmless(self) -> int:
        """The number of places that were left out because the table has few rows."""
        return len(self._harmless - set(self._found))

    def add(self, rule: Rule, script: Script | None, places: Iterable[_Place]) -> None:
        """Add what a rule found, unless it is suppressed or harmless."""
        for match, line, step in places:
            migration = script.migration if script is not None else None
            if migration is None and match.migration is not None:
                migration = self._by_name.get(match.migration)
                if migration is None:
                    continue
            place = line if match.line is None else match.line
            if self._is_suppressed(rule, migration, place):
                continue
            if step is not None and step.online and rule.is_about_blocking:
                continue
            if step is not None and self._is_harmless(rule, step):
                self._harmless.add(_key(rule, match, migration, place))
                continue
            database = () if script is None else (script.dialect.backend,)
            self._put(rule, match, migration, place, database)

    def add_unused(self, rule: Rule, known: set[str]) -> None:
        """Add the suppressions that were not needed, for rules that were run."""
        for migration in self._request.selected:
            if self._request.settings.ignores(rule, migration):
                continue
            for line, code in self._suppressions[migration.revision].unused():
                if code and code not in known:
                    continue
                self._put(rule, Match(message=_unused(code)), migration, line, ())

    def findings(self) -> tuple[Finding, ...]:
        """Return the findings in order; those about the history first."""
        return tuple(sorted(self._found.values(), key=self._order))

    def _order(self, finding: Finding) -> tuple[int, int, str, str]:
        place = self._places.get(finding.migration or "", -1)
        return place, finding.line or 0, finding.code, finding.message

    def _is_suppressed(self, rule: Rule, migration: Migration | None, line: int | None) -> bool:
        if self._request.settings.ignores(rule, migration):
            return True
        found = self._suppressions.get(migration.revision) if migration is not None else None
        return found is not None and found.suppress(rule.code, line)

    def _is_harmless(self, rule: Rule, step: Step) -> bool:
        """Return whether the database has too few rows for a step to do harm."""
        match rule.harmless_if:
            case "small":
                return step.has_few_rows(self._request.settings.small_table)
            case "empty":
                return step.has_few_rows(0)
            case "never":
                return False

    def _put(
        self,
        rule: Rule,
        match: Match,
        migration: Migration | None,
        line: int | None,
        databases: tuple[str, ...],
    ) -> None:
        name = migration.name if migration is not None else None
        key = _key(rule, match, migration, line)
        severity = self._request.settings.severity_of(rule)
        message = match.message
        if rule.expected_in_contract and migration is not None and migration.phase == "contract":
            severity = "info"
            message += ", as expected in the phase contract"
        if (known := self._found.get(key)) is not None:
            merged = tuple(dict.fromkeys((*known.databases, *databases)))
            self._found[key] = replace(known, databases=merged)
            return
        self._found[key] = Finding(
            code=rule.code,
            name=rule.name,
            severity=severity,
            message=message,
            reason=rule.reason,
            safe_way=rule.safe_way,
            migration=name,
            file=migration.path if migration is not None else None,
            line=line,
            object=match.object,
            databases=databases,
        )


def _key(
    rule: Rule, match: Match, migration: Migration | None, line: int | None
) -> tuple[object, ...]:
    """Return what two findings of one place have in common."""
    name = migration.name if migration is not None else None
    return (rule.code, name, line, match.object, None if match.object else match.message)


def _unused(code: str) -> str:
    if not code:
        return "the comment names no code, so it suppresses nothing: write ignore[CODE]"
    return f"there is no finding {code} here to suppress"
