"""How the actions on vfolders are reached."""

from tenantry.kernel.route import Route
from tenantry.storage.actions import (
    CreateVfolderAction,
    DeleteVfolderAction,
    GetVfolderAction,
    HandOverVfolderAction,
    ListVfoldersAction,
    PurgeVfolderAction,
    RestoreVfolderAction,
    ShareVfolderAction,
    UnshareVfolderAction,
    VfolderUsageAction,
)

_ONE = "/vfolders/{folder}"

ROUTES = (
    Route("POST", "/vfolders", CreateVfolderAction, "vfolder create", status=201),
    Route("GET", "/vfolders", ListVfoldersAction, "vfolder list"),
    Route("GET", _ONE, GetVfolderAction, "vfolder get"),
    Route("GET", f"{_ONE}/usage", VfolderUsageAction, "vfolder usage"),
    Route("POST", f"{_ONE}/shares", ShareVfolderAction, "vfolder share"),
    Route("DELETE", f"{_ONE}/shares/{{user}}", UnshareVfolderAction, "vfolder unshare"),
    Route("POST", f"{_ONE}/hand-over", HandOverVfolderAction, "vfolder hand-over"),
    Route("DELETE", _ONE, DeleteVfolderAction, "vfolder delete"),
    Route("POST", f"{_ONE}/restore", RestoreVfolderAction, "vfolder restore"),
    Route("POST", f"{_ONE}/purge", PurgeVfolderAction, status=202),
)
