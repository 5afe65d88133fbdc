"""Test how the configuration is found and read, and that errors name the file and the setting."""

from __future__ import annotations

from pathlib import Path

import pytest

from autodiff import Project
from autodiff.config import Config, find_config, load_config
from autodiff.errors import ConfigError


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def refused(path: Path) -> tuple[str, str | None]:
    """Return the message and the hint of the error that loading this file raises."""
    with pytest.raises(ConfigError) as error:
        load_config(path, {})
    return error.value.message, error.value.hint


@pytest.mark.parametrize(
    ("name", "text"),
    [("autodiff.toml", 'url = "x"'), ("pyproject.toml", '[tool.autodiff]\nurl = "x"')],
)
def test_a_byte_order_mark_is_accepted(tmp_path: Path, name: str, text: str) -> None:
    """Editors on Windows write one."""
    write(tmp_path / name, f"\ufeff{text}")
    assert load_config(tmp_path, {}).url == "x"


def test_every_setting_is_read(tmp_path: Path) -> None:
    """Paths are relative to the file; a single string is accepted for a list."""
    write(
        tmp_path / "autodiff.toml",
        """
        models = ["app.models:Base", "other:metadata"]
        url = "sqlite:///app.db"
        migrations = "db/versions"
        templates_dir = "templates"
        include_tables = ["shop_*"]
        exclude_tables = "spatial_*"
        include_object = "app.hooks:include_object"
        rewrite_plan = "app.hooks:rewrite_plan"
        render_type = "app.hooks:render_type"
        history_table = "shop_history"
        history_schema = "ops"
        scratch_url = "postgresql://localhost/scratch"
        """,
    )
    assert load_config(tmp_path, {}) == Config(
        root=tmp_path,
        models=("app.models:Base", "other:metadata"),
        url="sqlite:///app.db",
        migrations=tmp_path / "db/versions",
        templates_dir=tmp_path / "templates",
        include_tables=("shop_*",),
        exclude_tables=("spatial_*",),
        include_object="app.hooks:include_object",
        rewrite_plan="app.hooks:rewrite_plan",
        render_type="app.hooks:render_type",
        history_table="shop_history",
        history_schema="ops",
        scratch_url="postgresql://localhost/scratch",
    )


def test_pyproject_section(tmp_path: Path) -> None:
    """Other sections of pyproject.toml are ignored."""
    write(
        tmp_path / "pyproject.toml", '[project]\nname = "x"\n[tool.autodiff]\nmodels = "m:Base"\n'
    )
    config = load_config(tmp_path, {})
    assert config == Config(root=tmp_path, models=("m:Base",), migrations=tmp_path / "migrations")


def test_the_nearest_file_is_used(tmp_path: Path) -> None:
    """The search goes upwards; autodiff.toml takes precedence over pyproject.toml."""
    deep = tmp_path / "src" / "app" / "deep"
    deep.mkdir(parents=True)
    write(tmp_path / "pyproject.toml", '[tool.autodiff]\nmodels = "outer:Base"\n')
    assert load_config(deep, {}).models == ("outer:Base",)
    write(tmp_path / "src" / "pyproject.toml", "[tool.ruff]\nline-length = 1\n")
    assert load_config(deep, {}).models == ("outer:Base",)
    write(tmp_path / "autodiff.toml", 'models = "toml:Base"\n')
    assert load_config(deep, {}).models == ("toml:Base",)
    inner = write(tmp_path / "src" / "app" / "autodiff.toml", 'models = "inner:Base"\n')
    assert load_config(deep, {}).models == ("inner:Base",)
    assert find_config(deep) == inner


@pytest.mark.parametrize(
    "text",
    [
        '# [tool.autodiff] is not set up yet\n[project]\nname = "x"\n',
        '[tool.autodiff-plugin]\nmodels = "m:Base"\n',
        '[project]\ndescription = "uses [tool.autodiff]"\n',
    ],
)
def test_a_similar_section_is_ignored(tmp_path: Path, text: str) -> None:
    """A comment, a string or a section with a similar name is not a configuration."""
    write(tmp_path / "autodiff.toml", 'models = "outer:Base"\n')
    write(tmp_path / "app" / "pyproject.toml", text)
    assert load_config(tmp_path / "app", {}).models == ("outer:Base",)


def test_an_unreadable_pyproject_of_another_project_is_skipped(tmp_path: Path) -> None:
    """A pyproject.toml between the folder and the configuration may have any encoding."""
    write(tmp_path / "autodiff.toml", 'models = "outer:Base"\n')
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "pyproject.toml").write_bytes(b'[project]\nauthor = "\xff"\n')
    assert load_config(tmp_path / "app", {}).models == ("outer:Base",)


def test_a_named_file(tmp_path: Path) -> None:
    """It may have any name; if it does not exist, no other file is used."""
    write(tmp_path / "autodiff.toml", 'models = "default:Base"\n')
    file = write(tmp_path / "staging.toml", 'models = "staging:Base"\n')
    assert load_config(file, {}).models == ("staging:Base",)
    assert refused(tmp_path / "stagging.toml") == (
        f"{tmp_path / 'stagging.toml'} does not exist",
        "name a folder or a configuration file",
    )


def test_a_missing_configuration_is_reported(tmp_path: Path) -> None:
    """The hint names the command and the setting."""
    message, hint = refused(tmp_path)
    assert message == f"no configuration found in {tmp_path} or any folder above it"
    assert hint == (
        'run autodiff init, or set models = "app.models:Base" under [tool.autodiff] in '
        "pyproject.toml"
    )


def test_an_unknown_setting_is_refused(tmp_path: Path) -> None:
    """A misspelled setting is not ignored; the hint lists the known settings."""
    file = write(tmp_path / "autodiff.toml", 'model = "m:Base"\n')
    assert refused(tmp_path) == (
        f"{file}: unknown setting 'model'",
        "known settings: allow_empty_models, cache, env_file, environments, evidence_timeout, "
        "exclude_tables, history_schema, history_table, hooks, include_object, include_tables, "
        "lint, locations, lock_retries, lock_timeout, lock_wait, migrations, models, online, path, "
        "render_type, require_rehearsal, rewrite_plan, scratch_url, statement_timeout, targets, "
        "templates_dir, url",
    )


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("url = 5", "url must be a string, not 5"),
        ("migrations = []", "migrations must be a string, not a list"),
        ("models = 5", "models must be a string or a list of strings, not 5"),
        ('models = ["a", 5]', "models must be a string or a list of strings, not a list with 5"),
        ("exclude_tables = {a = 1}", "exclude_tables must be a string or a list of strings"),
        ("include_tables = 5", "include_tables must be a string or a list of strings, not 5"),
        ("include_object = 'app'", "include_object must name a function, not a string"),
        ("history_table = 'a-b'", "history_table must be a name of at most 55 letters, digits and"),
        ("history_table = 'Alembic_Version'", "history_table cannot be Alembic_Version, which is"),
        ("history_table = 'Autodiff_History'", "history_table cannot be Autodiff_History, which"),
    ],
)
def test_a_wrong_value_is_refused(tmp_path: Path, text: str, reason: str) -> None:
    """The error names the file and the setting."""
    file = write(tmp_path / "autodiff.toml", text)
    assert refused(tmp_path)[0].startswith(f"{file}: {reason}")


@pytest.mark.parametrize("text", ["models = ", "models = 'a", "[tool", "\x00"])
def test_invalid_toml_is_refused(tmp_path: Path, text: str) -> None:
    """The error names the file and quotes the parser."""
    file = write(tmp_path / "autodiff.toml", text)
    message, hint = refused(tmp_path)
    assert message.startswith(f"cannot read {file}: ")
    assert hint == "correct the TOML syntax"


def test_a_section_must_be_one_table(tmp_path: Path) -> None:
    """An array of tables is refused."""
    file = write(tmp_path / "pyproject.toml", "[[tool.autodiff]]\nmodels = 'a'\n")
    assert refused(file) == (
        f"{file}: tool.autodiff must be a table",
        "write [tool.autodiff]",
    )


# The URL


def test_database_url_takes_precedence_over_the_file(tmp_path: Path) -> None:
    """Its value is used literally; an empty value counts as unset."""
    write(tmp_path / "autodiff.toml", 'url = "sqlite:///file.db"')
    assert load_config(tmp_path, {"DATABASE_URL": "sqlite:///env.db"}).url == "sqlite:///env.db"
    assert load_config(tmp_path, {"DATABASE_URL": ""}).url == "sqlite:///file.db"
    url = "postgresql://u:pa$word${x}@h/db"
    assert load_config(tmp_path, {"DATABASE_URL": url}).url == url


def test_a_url_argument_takes_precedence(tmp_path: Path) -> None:
    """--url overrides DATABASE_URL and the file."""
    write(tmp_path / "autodiff.toml", 'url = "sqlite:///file.db"')
    environment = {"DATABASE_URL": "sqlite:///env.db"}
    project = Project.load(tmp_path, url="sqlite:///given.db", environment=environment)
    assert project.config.url == "sqlite:///given.db"
    assert Project.load(tmp_path, environment=environment).config.url == "sqlite:///env.db"
    assert Project.load(tmp_path, environment={}).config.url == "sqlite:///file.db"


def test_the_process_environment_is_the_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "autodiff.toml", 'url = "sqlite:///file.db"')
    monkeypatch.setenv("DATABASE_URL", "sqlite:///env.db")
    assert load_config(tmp_path).url == "sqlite:///env.db"


@pytest.mark.parametrize(
    ("url", "expanded"),
    [
        ("postgresql://${USER}:${PASSWORD}@h/db", "postgresql://ann:s3$cret${USER}@h/db"),
        ("$WHOLE", "sqlite:///whole.db"),
        ("${WHOLE}", "sqlite:///whole.db"),
        ("postgresql://u:a$b$USER@h/db", "postgresql://u:a$b$USER@h/db"),
        ("sqlite:///plain.db", "sqlite:///plain.db"),
    ],
)
def test_variables_in_the_url(tmp_path: Path, url: str, expanded: str) -> None:
    """${NAME} is replaced anywhere, $NAME only as the whole URL; values are not expanded again."""
    write(tmp_path / "autodiff.toml", f'url = "{url}"')
    variables = {"USER": "ann", "PASSWORD": "s3$cret${USER}", "WHOLE": "sqlite:///whole.db"}
    assert load_config(tmp_path, variables).url == expanded


def test_an_unset_variable_is_reported(tmp_path: Path) -> None:
    """The error is raised only when the URL is needed; --url avoids it."""
    write(tmp_path / "autodiff.toml", 'url = "postgresql://u:${DB_PASSWORD}@h/db"')
    project = Project.load(tmp_path, environment={})
    with pytest.raises(ConfigError) as caught:
        _ = project.url
    assert caught.value.message == (
        "the url needs the environment variable DB_PASSWORD, which is not set"
    )
    assert caught.value.hint == "set DB_PASSWORD, or pass --url"
    given = Project.load(tmp_path, url="sqlite:///given.db", environment={})
    assert given.url.database == str(tmp_path / "given.db")


def test_a_missing_url_and_missing_models_are_reported(tmp_path: Path) -> None:
    """The hints list every way to set them."""
    write(tmp_path / "autodiff.toml", "")
    project = Project.load(tmp_path, environment={})
    with pytest.raises(ConfigError, match="no database URL") as caught:
        _ = project.url
    assert caught.value.hint == ("pass --url, set DATABASE_URL, or set url in the configuration")
    with pytest.raises(ConfigError, match="no models are configured") as caught:
        project.metadata()
    assert caught.value.hint == 'set them in the configuration, such as models = "app.models:Base"'


def test_a_project_built_in_code_takes_the_same_settings(tmp_path: Path) -> None:
    """A single string is accepted for a list and is not split into its characters."""
    project = Project(
        "sqlite://", directory=tmp_path / "m", models="app:Base", exclude_tables="spatial_*"
    )
    assert project.config.models == ("app:Base",)
    assert project.config.exclude_tables == ("spatial_*",)
    with pytest.raises(TypeError, match="unexpected keyword argument 'model'"):
        Project("sqlite://", model="app:Base")


# Environments

STAGES = """
models = "app:Base"
url = "sqlite:///own.db"
lock_timeout = 3
migrations = "m"

[environments.staging]
url = "sqlite:///staging.db"
lock_timeout = 9

[environments.production]
url = "postgresql://app:${PRODUCTION_PASSWORD}@db/app"
migrations = "other"

[environments.bare]
exclude_tables = "spatial_*"
"""


@pytest.mark.parametrize("heading", ["environments", "tool.autodiff.environments"])
def test_an_environment_overrides_the_common_settings(tmp_path: Path, heading: str) -> None:
    """Other settings are inherited; its paths are relative to the file too."""
    text = STAGES.replace("[environments", f"[{heading}")
    if heading.startswith("tool"):
        write(tmp_path / "pyproject.toml", f"[tool.autodiff]\n{text}")
    else:
        write(tmp_path / "autodiff.toml", text)
    staging = load_config(tmp_path, {}, env="staging")
    assert staging == Config(
        root=tmp_path,
        env="staging",
        models=("app:Base",),
        url="sqlite:///staging.db",
        migrations=tmp_path / "m",
        lock_timeout=9.0,
    )
    assert load_config(tmp_path, {}).url == "sqlite:///own.db"
    variables = {"PRODUCTION_PASSWORD": "x"}
    production = load_config(tmp_path, variables, env="production")
    assert production.migrations == tmp_path / "other"
    assert production.url == "postgresql://app:x@db/app"


def test_environments_alone_are_a_configuration(tmp_path: Path) -> None:
    """A pyproject.toml is found even if it has no [tool.autodiff] section."""
    write(tmp_path / "pyproject.toml", "[tool.autodiff.environments.dev]\nurl = 'sqlite://'\n")
    assert load_config(tmp_path, {}, env="dev").url == "sqlite://"


def test_the_url_of_an_environment_takes_precedence_over_database_url(tmp_path: Path) -> None:
    """Only --url overrides the URL of the chosen environment."""
    write(tmp_path / "autodiff.toml", STAGES)
    variables = {"DATABASE_URL": "sqlite:///env.db"}
    assert load_config(tmp_path, variables, env="staging").url == "sqlite:///staging.db"
    assert load_config(tmp_path, variables, env="bare").url == "sqlite:///env.db"
    assert load_config(tmp_path, {}, env="bare").url == "sqlite:///own.db"
    project = Project.load(tmp_path, env="staging", url="sqlite:///given.db", environment=variables)
    assert project.config.url == "sqlite:///given.db"


def test_autodiff_env_chooses_the_environment(tmp_path: Path) -> None:
    """An argument takes precedence; an empty value counts as unset."""
    write(tmp_path / "autodiff.toml", STAGES)
    variables = {"AUTODIFF_ENV": "staging"}
    assert load_config(tmp_path, variables).env == "staging"
    assert load_config(tmp_path, variables, env="bare").env == "bare"
    assert load_config(tmp_path, {"AUTODIFF_ENV": ""}).env is None


def test_a_variable_of_another_environment_need_not_be_set(tmp_path: Path) -> None:
    """For the chosen environment it must be set; DATABASE_URL is no substitute."""
    write(tmp_path / "autodiff.toml", STAGES)
    variables = {"DATABASE_URL": "sqlite:///env.db"}
    assert load_config(tmp_path, variables, env="staging").unset == ()
    with pytest.raises(ConfigError) as caught:
        _ = Project.load(tmp_path, env="production", environment=variables).url
    assert caught.value.message == (
        "the url of environment production needs the environment variable PRODUCTION_PASSWORD, "
        "which is not set"
    )


def test_an_unknown_environment_is_refused(tmp_path: Path) -> None:
    """The hint lists the known environments, or shows how to write one."""
    file = write(tmp_path / "autodiff.toml", STAGES)
    for arguments in ({"env": "stagging"}, {"environment": {"AUTODIFF_ENV": "stagging"}}):
        with pytest.raises(ConfigError) as caught:
            load_config(tmp_path, **{"environment": {}, **arguments})  # type: ignore[arg-type]
        assert caught.value.message == f"{file}: unknown environment 'stagging'"
        assert caught.value.hint == "known environments: bare, production, staging"
    write(file, "")
    with pytest.raises(ConfigError) as caught:
        load_config(tmp_path, {}, env="staging")
    assert caught.value.hint == "add the table [environments.staging]"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("environments = 5", "environments must contain one table for each environment"),
        (
            "[environments]\nurl = 'sqlite://'",
            "environments must contain one table for each environment",
        ),
        ("[environments.a]\nuri = 'x'", "environments.a: unknown setting 'uri'"),
        ("[environments.a]\nurl = 5", "environments.a: url must be a string, not 5"),
        ("[environments.a.environments.b]", "environments.a: unknown setting 'environments'"),
        ("hooks = 'app:go'", "hooks must be a table, not a string"),
        ("hooks.before = 'app:go'", "unknown hook 'before'"),
        (
            "hooks.before_upgrade = 'app'",
            "the hook before_upgrade must name a function, not a string",
        ),
        ("[environments.a.hooks]\nbefore = 'x:y'", "environments.a: unknown hook 'before'"),
    ],
)
def test_invalid_tables_are_refused(tmp_path: Path, text: str, reason: str) -> None:
    """Environments that are not chosen are validated too."""
    file = write(tmp_path / "autodiff.toml", text)
    assert refused(tmp_path)[0] == f"{file}: {reason}"


def test_hooks_of_an_environment_are_added_to_the_common_ones(tmp_path: Path) -> None:
    """A hook with the same name replaces the common one."""
    write(
        tmp_path / "autodiff.toml",
        "hooks.before_upgrade = 'a:b'\nhooks.after_upgrade = 'a:c'\n"
        "[environments.x.hooks]\nafter_upgrade = 'x:c'\n",
    )
    assert load_config(tmp_path, {}).hooks == {"before_upgrade": "a:b", "after_upgrade": "a:c"}
    hooks = load_config(tmp_path, {}, env="x").hooks
    assert hooks == {"before_upgrade": "a:b", "after_upgrade": "x:c"}
