"""Commands that synthesize a CDKTF app, deploy it to the local cloud, and plan it: `python -m deploy_tools --help`."""
