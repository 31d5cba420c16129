"""What a release is made of, and what is proved of it: wheel, bill of materials, licences, advisories.

    python -m release           the wheel, built twice, its bill of materials and their hashes     `make release`
    python -m release.audit     known advisories for what is locked                                `make audit`
    python -m release.licences  the licence of everything that is installed                        `make licences`

None of it is installed with annuaire. `deploy` is on the path of whoever runs it.
"""

from pathlib import Path

ROOT = Path(__file__).parents[2]
