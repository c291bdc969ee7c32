"""Compare the contracts with every released descriptor image: `python -m tools.breaking [--freeze
NAME]`.

Images are committed in proto/images/NAME.binpb; `--freeze` writes one for a release. A change that
would break a
reader of an image fails with buf's own words.
"""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
IMAGES = ROOT / "proto" / "images"
BUF = Path(sys.executable).parent / "buf"


def freeze(name: str) -> Path:
    """Write the descriptor image of today's contracts."""
    IMAGES.mkdir(exist_ok=True)
    image = IMAGES / f"{name}.binpb"
    subprocess.run([BUF, "build", "-o", image], cwd=ROOT, check=True)
    return image


def breaking() -> int:
    """Return how many images today's contracts would break."""
    images = sorted(IMAGES.glob("*.binpb"))
    if not images:
        raise SystemExit("proto/images holds no image; freeze one with --freeze NAME")
    return sum(
        subprocess.run([BUF, "breaking", "--against", image], cwd=ROOT, check=False).returncode != 0
        for image in images
    )


if __name__ == "__main__":
    if len(sys.argv) == 3 and sys.argv[1] == "--freeze":
        print(freeze(sys.argv[2]))
    else:
        sys.exit(1 if breaking() else 0)
