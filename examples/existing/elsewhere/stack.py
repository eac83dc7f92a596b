"""Stack of another team, with the functions that `main.py` finds by name and by ARN."""

from __future__ import annotations

from cdktf import App

from constructs_lib import AwsStack, Environment, Function, LambdaArchive


class Elsewhere(AwsStack):
    """Two functions, each with the alias `live`."""

    def __init__(self, app: App, name: str, environment: Environment) -> None:
        super().__init__(app, name, environment=environment)
        archive = LambdaArchive("elsewhere/code", target=self.archive_target)
        for function in ("orders", "guard"):
            Function(
                self,
                function,
                function_name=function,
                archive=archive,
                handler=f"{function}.handler",
                timeout_seconds=3,
            )
