"""Validates what the manifests in deploy/kuberay send to Kubernetes, strictly, as far as its own schemas go.

For each folder: what `kubectl kustomize` builds of it; its core kinds as they are, and of Ray's kinds the pods that
they make. The fields of Ray's kinds themselves are tests/cluster/test_kuberay.py's to check.
"""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

VERSION = "1.37"
FOLDERS = ("deploy/kuberay", "deploy/kuberay/job")


def objects(document: Any) -> Iterator[Any]:
    """The core objects of a document."""
    if not document["apiVersion"].startswith("ray.io/"):
        yield document
        return
    spec = document["spec"].get("rayClusterSpec", document["spec"])
    for group in (spec["headGroupSpec"], *spec["workerGroupSpecs"]):
        template = group["template"]
        metadata = {"name": "made-of-a-template", **template.get("metadata", {})}
        yield {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"]}


def main() -> int:
    """Print what was checked; gives 1 if something does not hold."""
    import kubernetes_validate
    import yaml

    root, wrong = Path(__file__).resolve().parent.parent, 0
    for folder in FOLDERS:
        command = ["kubectl", "kustomize", str(root / folder)]
        built = subprocess.run(command, check=True, capture_output=True, text=True).stdout  # noqa: S603 - a program's name
        for document in yaml.safe_load_all(built):
            for each in objects(document):
                told = "as it should be"
                try:
                    kubernetes_validate.validate(each, VERSION, strict=True)
                except (kubernetes_validate.ValidationError, kubernetes_validate.SchemaNotFoundError) as error:
                    told, wrong = f"WRONG: {error}", 1
                print(f"{folder}: {document['kind']}: {each['kind']}: {told}")  # noqa: T201 - it is for a person
    return wrong


if __name__ == "__main__":
    sys.exit(main())
