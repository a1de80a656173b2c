"""The page is there soon: what is heavy is imported when it is first needed."""

import subprocess
import sys


def test_the_page_opens_without_torch():
    line = "import sys, ganvas.studio.server; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", line], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
