"""What is said of a folder without manifests: the others there are, never the folder itself."""

import pytest

from kcsim.scenario.load import examine_text

STORY = """\
apiVersion: kcsim/v1
kind: Scenario
name: bare
repositories:
  - name: shop
    path: {path}
    files:
      {file}: hello
deliveries:
  push: {{type: push}}
"""


@pytest.mark.parametrize(
    ("path", "file", "remedy"),
    [
        (".", "README.md", "other folders: none"),
        ("deplyo", "deploy/README.md", "did you mean 'deploy'? (other folders: deploy)"),
    ],
)
def test_a_folder_without_manifests_is_no_remedy_for_itself(path, file, remedy):
    (found,) = (
        each for each in examine_text(STORY.format(path=path, file=file)).diagnostics if each.code == "KC506"
    )
    assert found.remedy == remedy
