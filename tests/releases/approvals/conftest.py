"""The release of tests/releases/contents, with its repository told commit by commit."""

from tests.releases.contents.conftest import history as history
from tests.releases.contents.conftest import release as release
from tests.releases.contents.conftest import story as story
