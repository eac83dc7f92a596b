"""Hash of a caller in the logs of the local cloud.

python -m tools.caller_hash CALLER      CALLER is the name of a user, or a caller as functions see it, such as tenant:ID
"""

from __future__ import annotations

import base64
import sys
from collections.abc import Mapping, Sequence

from deploy_tools import interrupts
from deploy_tools.app import CdktfApp
from deploy_tools.callers import Callers
from deploy_tools.cloud import required_cloud
from deploy_tools.deploy import deployed_app
from deploy_tools.errors import DeploymentError, TerraformError
from handlers.common.caller import USER as USER_KIND
from handlers.common.caller_hash import HASH_LENGTH
from tools.project import PROJECT


def hash_of(callers: Callers, outputs: Mapping[str, object], caller: str) -> str:
    """Return the keyed hash by which the logs name a caller.

    Args:
        callers: Callers of the deployment.
        outputs: Outputs of its stack.
        caller: Name of a user, or a caller as functions see it: `user:SUB` or `tenant:ID`.
    """
    if ":" not in caller:
        pool = str(outputs["user_pool_id"])
        user = callers.client("cognito-idp").admin_get_user(UserPoolId=pool, Username=caller)
        (sub,) = (entry["Value"] for entry in user["UserAttributes"] if entry["Name"] == "sub")
        caller = f"{USER_KIND}:{sub}"
    mac = callers.client("kms").generate_mac(
        KeyId=str(outputs["caller_key"]), Message=caller.encode(), MacAlgorithm="HMAC_SHA_256"
    )["Mac"]
    return base64.b64encode(mac).decode()[:HASH_LENGTH]


def main(arguments: Sequence[str]) -> int:
    """Print the hash of the caller that the arguments name."""
    if len(arguments) != 1:
        print(__doc__, file=sys.stderr)
        return 2
    app = CdktfApp.in_folder(PROJECT)
    cloud = required_cloud(app.cloud_directory)
    found = deployed_app(app, cloud).with_outputs("caller_key", "user_pool_id", purpose="caller_hash")
    callers = Callers(cloud.url, found.outputs, region=found.stack.region)
    print(hash_of(callers, found.outputs, arguments[0]))
    return 0


if __name__ == "__main__":
    sys.exit(interrupts.command(lambda: main(sys.argv[1:]), DeploymentError, TerraformError))
