"""List the files of public servers: of a GitHub commit, a Zenodo record, a folder on the Hugging Face Hub."""

import tempfile
from collections.abc import Sequence
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath
from urllib.parse import quote

from eartune.errors import InputError
from eartune.files import read_json
from eartune.prepare.download.http import RemoteFile, download

GITHUB = "https://raw.githubusercontent.com"
ZENODO = "https://zenodo.org"


def github_files(repository: str, commit: str, paths: Sequence[str]) -> list[RemoteFile]:
    """Return files of a repository at a commit, to be put side by side; GitHub publishes no lengths and checksums."""
    return [RemoteFile(f"{GITHUB}/{repository}/{commit}/{quote(p)}", PurePosixPath(p).name) for p in paths]


def zenodo_files(record: int, names: Sequence[str] = ()) -> list[RemoteFile]:
    """Ask Zenodo for the files of a record, or for those that are named; raises InputError if one is not listed."""
    url = f"{ZENODO}/api/records/{record}"
    with tempfile.TemporaryDirectory() as folder:
        download(RemoteFile(url, "record.json"), Path(folder), lambda share: None)
        listing = read_json(Path(folder) / "record.json")
    try:
        files = [RemoteFile(f["links"]["self"], f["key"], f["size"], f["checksum"]) for f in listing["files"]]
    except (KeyError, TypeError) as error:
        raise InputError(f"{url}: is not a record with a list of files ({error!r})") from error
    listed = {file.name: file for file in files}
    if missing := [name for name in names if name not in listed]:
        raise InputError(f"{url}: lists no {missing[0]}; it has {', '.join(listed) or 'no files at all'}")
    return [listed[name] for name in names or listed]


def hub_files(dataset: str, folder: str, patterns: Sequence[str]) -> list[RemoteFile]:
    """Ask the Hugging Face Hub for the files in a folder of a data set's main branch whose names fit a glob pattern.

    The library supplies address (HF_ENDPOINT), token (HF_TOKEN) and checksums. Its own downloads are not used: an
    interruption deletes what has come of a file, which may be hundreds of megabytes.
    """
    from huggingface_hub import HfApi, get_token, hf_hub_url
    from huggingface_hub.errors import HTTPError  # type: ignore[attr-defined]  # of its HTTP client
    from huggingface_hub.hf_api import RepoFile

    access = (
        f"accept the terms on https://huggingface.co/datasets/{dataset} and set HF_TOKEN to a token of your account"
    )
    try:
        entries = list(HfApi().list_repo_tree(dataset, folder, repo_type="dataset"))
    except (HTTPError, OSError, ValueError) as error:  # OSError offline, ValueError for an answer that is no JSON
        status = getattr(getattr(error, "response", None), "status_code", None)
        reason = f"the Hugging Face Hub answered {status}" if status else f"the Hugging Face Hub: {error}"
        hint = f"; {access}" if status in (401, 403) else ""
        raise InputError(f"{dataset}, folder {folder}: {reason}{hint}") from error
    files = [entry for entry in entries if isinstance(entry, RepoFile)]
    wanted = [file for file in files if any(fnmatch(PurePosixPath(file.path).name, p) for p in patterns)]
    token = get_token()
    return [
        RemoteFile(
            url=hf_hub_url(dataset, file.path, repo_type="dataset"),
            name=file.path,
            n_bytes=file.size,
            checksum=f"sha256:{file.lfs.sha256}" if file.lfs else None,
            authorization=f"Bearer {token}" if token else None,
            access=access,
        )
        for file in wanted
    ]
