"""Stands in for pip: `python fake_pip.py SHELF download OPTIONS`.

It copies the wheels of the required packages from the folder SHELF, where it also notes how it was called. A file
`stderr` on the shelf makes it fail with that text.
"""

import json
import os
import shutil
import sys
from pathlib import Path

shelf = Path(sys.argv[1])
options = sys.argv[2:]
requirements = Path(next(o for o in options if o.startswith("--requirement=")).partition("=")[2])
destination = Path(next(o for o in options if o.startswith("--dest=")).partition("=")[2])
call = {
    "options": [o for o in options if not o.startswith(("--requirement=", "--dest="))],
    "requirements": requirements.read_text(encoding="utf-8").splitlines(),
    "settings": sorted(name for name in os.environ if name.startswith("PIP_")),
}
with (shelf / "calls.jsonl").open("a", encoding="utf-8") as calls:
    calls.write(json.dumps(call) + "\n")
if (shelf / "stderr").exists():
    sys.stderr.write((shelf / "stderr").read_text(encoding="utf-8"))
    sys.exit(1)
print("WARNING: Location 'file:///elsewhere' is ignored", file=sys.stderr)
for line in call["requirements"]:
    name, _, version = line.split()[0].partition("==")
    for wheel in shelf.glob(f"{name.replace('-', '_')}-{version}-*"):
        shutil.copy(wheel, destination)
