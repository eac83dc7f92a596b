"""`python -m deploy_tools`: the commands of `command_line`."""

import sys

from deploy_tools.command_line import main

sys.exit(main())
