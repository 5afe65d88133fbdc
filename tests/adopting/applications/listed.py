"""The applications, their versions, and the settings that their env.py needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["APPLICATIONS", "Application"]

ALL = ("sqlite", "postgresql", "mariadb")
SERVERS = ("postgresql", "mariadb")
OSLO_URL = "OS_DATABASE__CONNECTION"
"""The variable of oslo.config for the URL of the database."""
OSLO_SETUP = "from oslo_config import cfg\ncfg.CONF([], default_config_files=[])\n"
"""Let oslo.config read environment variables, as the programs of OpenStack do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """An application from the package index.

    requirements: what pip installs; the first one is the application with its version.
    alembic: Alembic's folder or alembic.ini, below site-packages.
    models: the setting `models`; several are separated by a space.
    imports: modules that must be imported so that the models have all tables.
    options: settings of alembic.ini that the application makes in its code.
    databases: the kinds of databases that the history runs on.
    url_variable: the environment variable that the application reads its URL from.
    variables: other environment variables that it needs.
    setup: Python code that the application runs first in each of its programs.
    prepare: Python code that creates what the history expects, with the name `engine`.
    passes_connection: whether Alembic alone needs `config.attributes["connection"]`.
    """

    requirements: tuple[str, ...]
    alembic: str
    models: str
    imports: tuple[str, ...] = ()
    options: Mapping[str, str] = field(default_factory=dict)
    databases: tuple[str, ...] = ALL
    url_variable: str | None = None
    variables: Mapping[str, str] = field(default_factory=dict)
    setup: str = ""
    prepare: str = ""
    passes_connection: bool = False


KEYSTONE = (
    *("application_credential.backends.sql", "assignment.backends.sql", "catalog.backends.sql"),
    *("assignment.role_backends.sql_model", "credential.backends.sql", "limit.backends.sql"),
    *("endpoint_policy.backends.sql", "federation.backends.sql", "identity.backends.sql_model"),
    *("identity.mapping_backends.sql", "oauth1.backends.sql", "policy.backends.sql"),
    *("resource.backends.sql_model", "resource.config_backends.sql", "revoke.backends.sql"),
    "trust.backends.sql",
)
"""The modules of keystone that have models."""

APPLICATIONS = {
    "aodh": Application(
        requirements=("aodh==23.0.0",),
        alembic="aodh/storage/sqlalchemy/alembic",
        models="aodh.storage.sqlalchemy.models:Base",
        databases=SERVERS,
    ),
    "cinder": Application(
        requirements=("cinder==29.0.0",),
        alembic="cinder/db/alembic.ini",
        models="cinder.db.models:BASE",
    ),
    "glance": Application(
        requirements=("glance==33.0.0",),
        alembic="glance/db/sqlalchemy/alembic_migrations",
        models="glance.db.sqlalchemy.models:BASE glance.db.sqlalchemy.models_metadef:BASE_DICT",
        url_variable=OSLO_URL,
        setup="from glance.common import config, wsgi_app\n"
        "config.parse_args(args=[], default_config_files=[])\n",
    ),
    "heat": Application(
        requirements=("openstack-heat==27.0.1",),
        alembic="heat/db/alembic.ini",
        models="heat.db.models:BASE",
    ),
    "ironic": Application(
        requirements=("ironic==39.0.0",),
        alembic="ironic/db/sqlalchemy/alembic.ini",
        models="ironic.db.sqlalchemy.models:Base",
        url_variable=OSLO_URL,
        setup="import ironic.conf\n" + OSLO_SETUP,
    ),
    "keystone": Application(
        requirements=("keystone==30.0.0",),
        alembic="keystone/common/sql/alembic.ini",
        models="keystone.common.sql.core:ModelBase",
        imports=tuple(f"keystone.{name}" for name in KEYSTONE),
        options={"recursive_version_locations": "true"},
        setup="import keystone.conf\nkeystone.conf.configure()\n" + OSLO_SETUP,
    ),
    "manila": Application(
        requirements=("manila==23.0.1",),
        alembic="manila/db/migrations/alembic.ini",
        models="manila.db.sqlalchemy.models:BASE",
        databases=SERVERS,
        url_variable=OSLO_URL,
        setup=OSLO_SETUP,
    ),
    "masakari": Application(
        requirements=("masakari==22.0.0",),
        alembic="masakari/db/sqlalchemy/alembic.ini",
        models="masakari.db.sqlalchemy.models:BASE",
    ),
    "mlflow": Application(
        requirements=("mlflow==3.18.0",),
        alembic="mlflow/store/db_migrations",
        models="mlflow.store.tracking.dbmodels.models:Base",
        imports=(
            "mlflow.store.model_registry.dbmodels.models",
            "mlflow.store.workspace.dbmodels.models",
        ),
        prepare="from mlflow.store.tracking.dbmodels.initial_models import Base\n"
        "Base.metadata.create_all(engine)\n",
    ),
    "nova": Application(
        requirements=("nova==34.0.0",),
        alembic="nova/db/main/alembic.ini",
        models="nova.db.main.models:BASE",
    ),
    "nova-api": Application(
        requirements=("nova==34.0.0",),
        alembic="nova/db/api/alembic.ini",
        models="nova.db.api.models:BASE",
    ),
    "optuna": Application(
        requirements=("optuna==5.0.0",),
        alembic="optuna/storages/_rdb/alembic.ini",
        models="optuna.storages._rdb.models:BaseModel",
        databases=("sqlite", "postgresql"),
    ),
    "placement": Application(
        requirements=("openstack-placement==16.0.0",),
        alembic="placement/db/sqlalchemy/alembic.ini",
        models="placement.db.sqlalchemy.models:BASE",
        url_variable="OS_PLACEMENT_DATABASE__CONNECTION",
    ),
    "watcher": Application(
        requirements=("python-watcher==17.0.0",),
        alembic="watcher/db/sqlalchemy/alembic.ini",
        models="watcher.db.sqlalchemy.models:Base",
        databases=SERVERS,
        url_variable=OSLO_URL,
        setup=OSLO_SETUP,
    ),
}
