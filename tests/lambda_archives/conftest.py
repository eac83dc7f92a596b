"""Projects to make archives of."""

from tests.support.archive_project import arm, new_project, project

__all__ = ["arm", "new_project", "project"]
