"""The command line: `python -m local_cloud serve | start | stop | status | logs`."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

from local_cloud import background, logs, saved_state
from local_cloud.errors import LocalCloudError
from local_cloud.serve import ServeSettings, serve

_DEFAULT_HOST = "127.0.0.1"
_DEFAULT_PORT = 4566
_DEFAULT_DIRECTORY = Path(".local_cloud")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    options = _parser().parse_args(arguments)
    try:
        return int(options.command(options))
    except LocalCloudError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m local_cloud", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, command: Callable[[argparse.Namespace], int], text: str) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=text)
        sub.set_defaults(command=command)
        directory = "where state and logs are kept (default: %(default)s)"
        sub.add_argument("--directory", type=Path, default=_DEFAULT_DIRECTORY, help=directory)
        return sub

    for sub in (
        add("serve", _serve, "run in the foreground until Ctrl-C"),
        add("start", _start, "run in the background; returns when it is ready"),
    ):
        host = "address to listen on (default: %(default)s, this machine only)"
        sub.add_argument("--host", default=_DEFAULT_HOST, help=host)
        port = "port, 0 for a free one (default: %(default)s)"
        sub.add_argument("--port", type=_port, default=_DEFAULT_PORT, help=port)
        allowed = "another machine that HTTP integrations and HTTP tasks may call; repeatable (default: none)"
        sub.add_argument("--allow-host", action="append", default=[], metavar="HOST", help=allowed)
    stop = add("stop", _stop, "end the one in the background")
    forget = "start empty the next time (default: with what is deployed)"
    stop.add_argument("--forget", action="store_true", help=forget)
    add("status", _status, "say whether it runs, and where; exit status 3 if not")
    log = add("logs", _logs, "show the requests, or what a function has logged")
    function = "name of a function (default: the requests)"
    log.add_argument("function", nargs="?", metavar="FUNCTION", help=function)
    log.add_argument("--follow", "-f", action="store_true", help="go on with what is added, until Ctrl-C")
    return parser


def _port(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and int(text) <= 65_535):
        raise argparse.ArgumentTypeError(f"{text!r} is not a port; use 0-65535. 0 takes a free one")
    return int(text)


def _settings(options: argparse.Namespace) -> ServeSettings:
    return ServeSettings(
        host=options.host,
        port=options.port,
        directory=options.directory.resolve(),
        allowed_hosts=tuple(options.allow_host),
    )


def _serve(options: argparse.Namespace) -> NoReturn:
    serve(_settings(options))
    logging.shutdown()
    # Not the usual way out, which waits for every thread: one of moto's may wait for what will never come.
    os._exit(0)


def _start(options: argparse.Namespace) -> int:
    cloud, started = background.start(_settings(options))
    print(f"{'ready' if started else 'already running'} at {cloud.url} (pid {cloud.pid})")
    return 0


def _stop(options: argparse.Namespace) -> int:
    cloud = background.stop(options.directory, forget=options.forget)
    if cloud is None:
        print("not running")
    elif options.forget:
        print(f"stopped {cloud.url} (pid {cloud.pid}); the next start is empty")
    elif saved_state.is_there(options.directory):
        print(f"stopped {cloud.url} (pid {cloud.pid}); the next start has what is deployed")
    else:
        log = options.directory / "logs" / "server.log"
        print(
            f"stopped {cloud.url} (pid {cloud.pid}); what was deployed could not be saved ({log} says why), and the next start "
            "is empty"
        )
    return 0


def _status(options: argparse.Namespace) -> int:
    cloud = background.running_cloud(options.directory)
    print(f"running at {cloud.url} (pid {cloud.pid})" if cloud else "not running")
    return 0 if cloud else 3


def _logs(options: argparse.Namespace) -> int:
    for text in logs.read(logs.log_path(options.directory, options.function), follow=options.follow):
        sys.stdout.write(text)
        sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
