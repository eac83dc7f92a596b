"""Lambda archives: zip files of code and wheels that are the same on every machine and made only once.

It stands apart from `constructs_lib`, which hands on its public names, so that tools and tests can make archives without
starting jsii. It needs Python's standard library, `packaging` and, to fetch wheels, pip.
"""

from lambda_archives.errors import ArchiveError
from lambda_archives.lambda_archive import LambdaArchive
from lambda_archives.target import Architecture, Target

__all__ = ["Architecture", "ArchiveError", "LambdaArchive", "Target"]
