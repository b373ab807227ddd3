"""The keys that are not stored in the database."""

from __future__ import annotations

from arouter.accounts import built_in
from arouter.accounts.records import Key
from arouter.config.dev_key import checked_management_key, development_key
from arouter.config.environment import Environment
from arouter.config.schema import Config


def built_in_keys(config: Config, environment: Environment) -> list[Key]:
    """Returns the keys that are not stored in the database.

    With a shared database there is no automatic development key.

    Raises:
        ConfigError: A key is invalid.
    """
    keys = [built_in.workload_key(each.spiffe_id, each.account) for each in config.accounts.workloads]
    if environment.dev_key is not None or environment.database_url is None:
        keys.append(built_in.development_key(development_key(environment).reveal()))
    if environment.mgmt_key is not None:
        keys.append(built_in.operator_key(checked_management_key(environment.mgmt_key).reveal()))
    return keys
