"""Upload an exported folder to the hub, without the recordings of its check, or list what would be uploaded."""

import re
from dataclasses import dataclass
from pathlib import Path

from eartune.errors import InputError
from eartune.export.check import CHECK
from eartune.inference.trained_model import EXPORTED
from eartune.wording import counted

ADAPTER = "adapter_config.json"


@dataclass(frozen=True)
class Upload:
    """The files of an exported folder that are uploaded to a repository, in the order of their names."""

    folder: Path
    repository: str
    files: tuple[Path, ...]
    kept: tuple[Path, ...]
    """The files that stay where they are: people's recordings, and the answers to them."""

    def lines(self) -> list[str]:
        """Return a line for each file with its size, then where all of them go, and what stays here."""
        sizes = {file: file.stat().st_size / 1e6 for file in self.files}
        lines = [f"{size:10,.3f} MB  {file.relative_to(self.folder)}" for file, size in sizes.items()]
        lines.append(
            f"{sum(sizes.values()):10,.3f} MB in {counted(len(sizes), 'file')} "
            f"to https://huggingface.co/{self.repository}, which is private if it is new"
        )
        if self.kept:
            lines.append(
                f"not uploaded: {CHECK}/ with {counted(len(self.kept), 'file')}, as it holds recordings of people"
            )
        return lines


def plan_upload(folder: Path, repository: str) -> Upload:
    """Return what would be uploaded; raises InputError for a wrong name, and for a folder that is no export."""
    check_repository(repository)
    if not any((folder / name).is_file() for name in (EXPORTED, ADAPTER)):
        raise InputError(
            f"{folder}: is no folder that `eartune export` wrote; export the model first, with --to FOLDER"
        )
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    kept = tuple(path for path in files if path.is_relative_to(folder / CHECK))
    return Upload(folder, repository, tuple(path for path in files if path not in kept), kept)


def check_repository(name: str) -> None:
    """Raise InputError if a name is not that of a repository of somebody on the hub."""
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", name):
        raise InputError(f"--push {name}: must be ORG/NAME, such as my-team/orders")


def push(upload: Upload) -> None:
    """Upload the files in one commit, with the token that huggingface_hub finds; a new repository is private.

    Raises InputError if the hub refuses or cannot be reached.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HTTPError  # type: ignore[attr-defined]  # of the client that it uses

    hub = HfApi()
    try:
        hub.create_repo(upload.repository, private=True, exist_ok=True)
        hub.upload_folder(
            repo_id=upload.repository,
            folder_path=upload.folder,
            commit_message="Export of eartune",
            ignore_patterns=[f"{CHECK}/*"],
        )
    except (OSError, HTTPError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise InputError(
            f"{upload.repository}: the hub took no upload ({reason}); "
            "`hf auth login` stores a token, which must be one that may write there"
        ) from error
