"""SQL that keeps what an object has that a migration drops and creates again, such as its grants.

This belongs to one database, so it is read when the migration runs, not when it is generated. The
settings of a view are kept in a setting of the session until it exists again.
https://www.postgresql.org/docs/current/runtime-config-custom.html
"""

from __future__ import annotations

import hashlib

from autodiff.schema.sqltext import quote_literal

__all__ = [
    "copy_type_privileges",
    "keep_view_settings",
    "let_use_as",
    "restore_view_settings",
]

_KEEP = """SELECT set_config({setting}, (SELECT json_build_object(
  'owner', pg_get_userbyid(c.relowner), 'grants', c.relacl::text,
  'options', array_to_string(c.reloptions, ', '),
  'parts', (SELECT coalesce(json_agg(p.sql), '[]') FROM (
      SELECT concat_ws(';', pg_get_triggerdef(t.oid), format('COMMENT ON TRIGGER %I ON %s IS ',
        t.tgname, {name}) || quote_literal(obj_description(t.oid, 'pg_trigger')))
      FROM pg_trigger t WHERE t.tgrelid = c.oid AND NOT t.tgisinternal
      UNION ALL
      SELECT concat_ws(';', pg_get_ruledef(r.oid), format('COMMENT ON RULE %I ON %s IS ',
        r.rulename, {name}) || quote_literal(obj_description(r.oid, 'pg_rewrite')))
      FROM pg_rewrite r WHERE r.ev_class = c.oid AND r.rulename <> '_RETURN'
      UNION ALL
      SELECT concat_ws(';', pg_get_statisticsobjdef(s.oid), format(
        'COMMENT ON STATISTICS %s.%I IS ', s.stxnamespace::regnamespace, s.stxname)
        || quote_literal(obj_description(s.oid, 'pg_statistic_ext')))
      FROM pg_statistic_ext s WHERE s.stxrelid = c.oid) AS p (sql)),
  'columns', (SELECT json_agg(json_build_object('name', a.attname, 'grants', a.attacl::text,
      'comment', col_description(a.attrelid, a.attnum), 'clauses', array_remove(ARRAY[
        (SELECT 'SET DEFAULT ' || pg_get_expr(d.adbin, d.adrelid) FROM pg_attrdef d
         WHERE d.adrelid = a.attrelid AND d.adnum = a.attnum),
        CASE WHEN a.attstattarget >= 0 THEN 'SET STATISTICS ' || a.attstattarget END,
        'SET (' || array_to_string(a.attoptions, ', ') || ')'], NULL)))
    FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped))::text
  FROM pg_class c WHERE c.oid = {name}::regclass), false)"""

_RESTORE = """
DECLARE
  saved json := nullif(current_setting({setting}, true), '')::json;
  part json;
  statement text;
  item record;
BEGIN
  IF saved IS NULL THEN RETURN; END IF;
  FOR statement IN SELECT * FROM json_array_elements_text(saved->'parts') LOOP
    EXECUTE statement;
  END LOOP;
  IF saved->>'owner' <> current_user THEN
    EXECUTE format('ALTER {word} %s OWNER TO %I', {target}, saved->>'owner');
  END IF;
  IF saved->>'options' <> '' THEN
    EXECUTE format('ALTER {word} %s SET (%s)', {target}, saved->>'options');
  END IF;
  FOR item IN SELECT DISTINCT a.grantee FROM pg_class c, aclexplode(c.relacl) a
              WHERE c.oid = {name}::regclass AND a.grantee <> c.relowner LOOP
    EXECUTE format('REVOKE ALL ON %s FROM %s', {target}, {grantee});
  END LOOP;
  FOR item IN SELECT a.* FROM aclexplode((saved->>'grants')::aclitem[]) a LOOP
    EXECUTE format('GRANT %s ON %s TO %s', item.privilege_type, {target}, {grantee}) || {option};
  END LOOP;
  FOR part IN SELECT * FROM json_array_elements(saved->'columns') LOOP
    CONTINUE WHEN NOT EXISTS (SELECT FROM pg_attribute WHERE attrelid = {name}::regclass
                              AND attname = part->>'name' AND NOT attisdropped);
    IF part->>'comment' IS NOT NULL THEN
      EXECUTE format('COMMENT ON COLUMN %s.%I IS %L', {target}, part->>'name', part->>'comment');
    END IF;
    FOR statement IN SELECT * FROM json_array_elements_text(part->'clauses') LOOP
      EXECUTE format('ALTER {word} %s ALTER COLUMN %I %s', {target}, part->>'name', statement);
    END LOOP;
    FOR item IN SELECT a.* FROM aclexplode((part->>'grants')::aclitem[]) a LOOP
      EXECUTE format('GRANT %s (%I) ON %s TO %s', item.privilege_type, part->>'name', {target},
                     {grantee}) || {option};
    END LOOP;
  END LOOP;
  PERFORM set_config({setting}, '', false);
END"""

_COPY_TYPE = """
DECLARE
  old pg_type%ROWTYPE;
  item record;
BEGIN
  SELECT * INTO old FROM pg_type WHERE oid = {old}::regtype;
  IF pg_get_userbyid(old.typowner) <> current_user THEN
    EXECUTE format('ALTER TYPE %s OWNER TO %I', {target}, pg_get_userbyid(old.typowner));
  END IF;
  IF old.typacl IS NULL THEN RETURN; END IF;
  EXECUTE format('REVOKE ALL ON TYPE %s FROM PUBLIC', {target});
  FOR item IN SELECT a.* FROM aclexplode(old.typacl) a LOOP
    EXECUTE format('GRANT %s ON TYPE %s TO %s', item.privilege_type, {target}, {grantee})
      || {option};
  END LOOP;
END"""

_LET_USE_AS = """
DECLARE
  source pg_class%ROWTYPE;
  item record;
BEGIN
  SELECT * INTO source FROM pg_class WHERE oid = {table}::regclass;
  IF current_setting('server_version_num')::int >= 150000 THEN
    ALTER VIEW {view} SET (security_invoker = true);
  ELSIF source.relrowsecurity THEN
    RAISE EXCEPTION 'the policies of % do not apply to a view of it before PostgreSQL 15', {table};
  END IF;
  IF pg_get_userbyid(source.relowner) <> current_user THEN
    EXECUTE format('ALTER VIEW %s OWNER TO %I', {name}, pg_get_userbyid(source.relowner));
  END IF;
  FOR item IN SELECT a.* FROM aclexplode(source.relacl) a
              WHERE a.privilege_type IN ('SELECT', 'INSERT', 'UPDATE', 'DELETE') LOOP
    EXECUTE format('GRANT %s ON %s TO %s', item.privilege_type, {name}, {grantee}) || {option};
  END LOOP;
END"""

_GRANTEE = "CASE item.grantee WHEN 0 THEN 'PUBLIC' ELSE item.grantee::regrole::text END"
_OPTION = "CASE WHEN item.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END"


def keep_view_settings(view: str) -> str:
    """Return a SELECT that keeps the settings of a view, which is about to be dropped.

    These are its owner, grants, triggers, rules, statistics and options such as security_invoker,
    and the comments, defaults and settings of its columns. `view` is a quoted name.
    """
    return _KEEP.format(setting=_setting(view), name=quote_literal(view))


def restore_view_settings(view: str, *, materialized: bool) -> str:
    """Return a block that gives a view the settings that were kept; it does nothing if none were.

    Grants of a role that ALTER DEFAULT PRIVILEGES added to the new view are revoked first.
    """
    word = "MATERIALIZED VIEW" if materialized else "VIEW"
    body = _RESTORE.format(
        setting=_setting(view),
        name=quote_literal(view),
        target=quote_literal(view),
        word=word,
        grantee=_GRANTEE,
        option=_OPTION,
    )
    return f"DO {quote_literal(body)}"


def copy_type_privileges(old: str, new: str) -> str:
    """Return a block that gives a type the owner and the grants of another one."""
    body = _COPY_TYPE.format(
        old=quote_literal(old), target=quote_literal(new), grantee=_GRANTEE, option=_OPTION
    )
    return f"DO {quote_literal(body)}"


def let_use_as(view: str, table: str) -> str:
    """Return a block that lets everyone use a view who can use its table, with equal rights.

    Both are quoted names.
    """
    body = _LET_USE_AS.format(
        view=view,
        name=quote_literal(view),
        table=quote_literal(table),
        grantee=_GRANTEE,
        option=_OPTION,
    )
    return f"DO {quote_literal(body)}"


def _setting(view: str) -> str:
    """Return the literal of the name of the setting for a view; such names have no quotes."""
    digest = hashlib.sha256(view.encode()).hexdigest()[:16]
    return quote_literal(f"autodiff.view_{digest}")
