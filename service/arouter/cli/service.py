"""`arouter up`, `arouter serve` and the worker process of `serve --workers`."""

from __future__ import annotations

import click

from arouter.cli.settings import config_errors, read_settings


@click.command()
def up() -> None:
    """Run the service, the gateway and a local model.

    The local model runs if no provider is configured. Waits until everything is healthy, then prints how to call it.
    Ctrl-C stops everything.
    """
    from arouter.server.up import run_up

    with config_errors():
        config, environment = read_settings()
        status = run_up(config, environment)
    raise SystemExit(status)


@click.command()
@click.option("--workers", type=click.IntRange(1, 256), default=1, show_default=True, help="Number of processes.")
@click.option("--linked", is_flag=True, hidden=True, help="Stdin is a link to `arouter up`.")
def serve(workers: int, linked: bool) -> None:
    """Run only the gRPC service, without gateway and local model.

    On SIGTERM it rejects new calls, finishes those in flight, and exits with 0. On SIGHUP, and when the file in
    AROUTER_CONFIG has changed, it applies the new configuration.
    """
    from arouter.config.environment import keep_grpc_out_of_forks
    from arouter.server.database import prepare_database
    from arouter.server.gc import freeze_imports
    from arouter.server.ports import check_service_ports
    from arouter.server.processes.link import ChildLink

    with config_errors():
        link = ChildLink() if linked else None
        config, environment = read_settings()
        check_service_ports(environment)
        prepare_database(environment)
        keep_grpc_out_of_forks()
        if workers == 1:
            with freeze_imports():
                from arouter.server.processes.worker import run_worker

            run_worker(config, environment, link, share_port=False)
        else:
            from arouter.server.processes.supervisor import run_workers

            run_workers(workers, config, environment)


@click.command()
def migrate() -> None:
    """Migrate the database to the current schema.

    Not needed without AROUTER_DATABASE_URL: `arouter serve` migrates its own SQLite file.
    """
    import asyncio

    from arouter.server.database import run_migrations

    with config_errors():
        _, environment = read_settings()
        click.echo(f"The database has schema {asyncio.run(run_migrations(environment))}.")


@click.command(hidden=True)
def worker() -> None:
    """Run one of several workers; started by `serve --workers`."""
    from arouter.config.environment import keep_grpc_out_of_forks
    from arouter.server.gc import freeze_imports

    keep_grpc_out_of_forks()
    with freeze_imports():
        from arouter.server.processes.link import ChildLink
        from arouter.server.processes.worker import run_worker

    with config_errors():
        link = ChildLink()
        run_worker(*read_settings(text=link.text), link, share_port=True)
