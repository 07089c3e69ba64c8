"""State transitions by ops-scenario: a line in is a state, an event and a script; a line out is the state that results.

What the charm itself keeps, its stored values and its deferred events, goes from one transition to the next unless `fresh` is said.
"""

import atexit
import datetime
import json
import os
import pathlib
import shutil
import sys
import tempfile

import yaml
from ops import testing

definition = yaml.safe_load((pathlib.Path(sys.argv[1]) / "charmcraft.yaml").read_text())
scratch = tempfile.mkdtemp(prefix="scenario-")
atexit.register(shutil.rmtree, scratch)
os.chdir(scratch)
sys.path.insert(0, os.path.dirname(__file__))
import charm  # noqa: E402 -- it reads its script from where it is loaded


def number(unit):
    return int(unit.split("/")[1])


def status_of(text):
    name, _, message = text.partition(": ")
    return statuses[name](message) if name in statuses else testing.UnknownStatus()


statuses = {
    "active": testing.ActiveStatus,
    "blocked": testing.BlockedStatus,
    "maintenance": testing.MaintenanceStatus,
    "waiting": testing.WaitingStatus,
}


def text_of(status):
    return f"{status.name}: {status.message}" if status.message else status.name


def relation_of(given):
    common = {
        "endpoint": given["endpoint"],
        "id": given["id"],
        "local_app_data": given["ownAppData"],
        "local_unit_data": given["ownUnitData"],
    }
    units = {number(unit): bag for unit, bag in given["units"].items()}
    if given["endpoint"] in definition.get("peers", {}):
        return testing.PeerRelation(peers_data=units, **common)
    return testing.Relation(
        remote_app_name=given["app"], remote_app_data=given["appData"], remote_units_data=units, **common
    )


def relation_out(relation, app):
    is_peer = isinstance(relation, testing.PeerRelation)
    far = app if is_peer else relation.remote_app_name
    units = relation.peers_data if is_peer else relation.remote_units_data
    return {
        "endpoint": relation.endpoint,
        "id": relation.id,
        "app": far,
        "units": {f"{far}/{unit}": dict(bag) for unit, bag in units.items()},
        "appData": dict(relation.local_app_data if is_peer else relation.remote_app_data),
        "ownUnitData": dict(relation.local_unit_data),
        "ownAppData": dict(relation.local_app_data),
    }


def uri_of(id):
    return f"secret://{model_uuid}/{id}"


owners = {"application": "app", "unit": "unit", "remote": None}


def secret_of(given, relations):
    content = given["content"]
    grants = {}
    for grant in given.get("grants", []):
        app = next(one["app"] for one in relations if one["id"] == grant["relation"])
        grants.setdefault(grant["relation"], set()).add(grant.get("unit", app))
    expires = given.get("expiresAt")
    return testing.Secret(
        content,
        latest_content=given.get("latest", content),
        id=uri_of(given["id"]),
        owner=owners[given["owner"]],
        label=given.get("label"),
        description=given.get("description"),
        rotate=testing_rotate(given.get("rotate")),
        expire=None if expires is None else datetime.datetime.fromtimestamp(expires / 1000, datetime.timezone.utc),
        remote_grants=grants,
    )


def testing_rotate(policy):
    return None if policy is None else charm.ops.SecretRotate(policy)


def secret_out(secret):
    owner = next(name for name, value in owners.items() if value == secret.owner)
    is_remote = owner == "remote"
    latest, tracked = dict(secret.latest_content), dict(secret.tracked_content)
    return {
        "id": secret.id.split("/")[-1].removeprefix("secret:"),
        "owner": owner,
        "label": secret.label,
        "description": secret.description,
        "rotate": None if secret.rotate is None else secret.rotate.value,
        "expiresAt": None if secret.expire is None else round(secret.expire.timestamp() * 1000),
        "content": tracked if is_remote else latest,
        "latest": latest if is_remote and latest != tracked else None,
        "grants": [
            {"relation": relation, **({"unit": target} if "/" in target else {})}
            for relation, targets in sorted(secret.remote_grants.items())
            for target in sorted(targets)
        ],
    }


def port_of(text):
    port, _, protocol = text.partition("/")
    kinds = {"tcp": testing.TCPPort, "udp": testing.UDPPort}
    return testing.ICMPPort() if port == "icmp" else kinds[protocol](int(port))


def port_out(port):
    return "icmp" if port.protocol == "icmp" else f"{port.port}/{port.protocol}"


def state_of(given, kept):
    return testing.State(
        config=given["config"],
        leader=given["leader"],
        relations={relation_of(one) for one in given["relations"]},
        secrets={secret_of(one, given["relations"]) for one in given["secrets"]},
        resources={testing.Resource(name=name, path=path) for name, path in given["resources"].items()},
        storages={
            testing.Storage(name=id.split("/")[0], index=number(id)) for id in given["storage"]
        },
        opened_ports={port_of(port) for port in given["openPorts"]},
        unit_status=status_of(given["status"]),
        app_status=status_of(given["appStatus"]),
        workload_version=given["workloadVersion"],
        planned_units=given["plannedUnits"],
        model=testing.Model(name=given["model"]["name"], uuid=given["model"]["uuid"], type="lxd"),
        **kept,
    )


def state_out(state, app):
    content = next((dict(one.content) for one in state.stored_states if one.owner_path == "TwinCharm"), {})
    stored = {**content.pop("values", {}), **content}
    return {
        "relations": [relation_out(one, app) for one in sorted(state.relations, key=lambda one: one.id)],
        "secrets": [secret_out(one) for one in sorted(state.secrets, key=lambda one: one.id)],
        "openPorts": sorted(port_out(port) for port in state.opened_ports),
        "status": text_of(state.unit_status),
        "appStatus": text_of(state.app_status),
        "workloadVersion": state.workload_version,
        "stored": charm.plain(stored),
        "deferred": [one.handle_path.split("/")[-1].split("[")[0].replace("_", "-") for one in state.deferred],
        "storage": {f"{one.name}/{one.index}": "" for one in state.storages},
    }


def event_of(context, event, state):
    if isinstance(event, str):
        event = {"hook": event}
    if "action" in event:
        return context.on.action(event["action"], params=event.get("params", {}))
    hook = event["hook"].replace("-", "_")
    if "_relation_" in hook:
        endpoint, _, kind = hook.partition("_relation_")
        relation = next(
            one
            for one in state.relations
            if one.endpoint == endpoint and event.get("relation", one.id) == one.id
        )
        more = {}
        if kind in ("joined", "changed", "departed") and "unit" in event:
            more["remote_unit"] = number(event["unit"])
        if kind == "departed":
            more["departing_unit"] = number(event.get("departingUnit", event["unit"]))
        return getattr(context.on, "relation_" + kind)(relation, **more)
    if "_storage_" in hook:
        storage = next(one for one in state.storages if f"{one.name}/{one.index}" == event["storage"])
        return getattr(context.on, "storage_" + hook.partition("_storage_")[2])(storage)
    if hook.startswith("secret_"):
        secret = next(one for one in state.secrets if one.id == uri_of(event["secret"]))
        more = {"revision": event["revision"]} if "revision" in event else {}
        return getattr(context.on, hook)(secret, **more)
    return getattr(context.on, hook)()


kept = {}
model_uuid = ""


def transition(request):
    global kept, model_uuid
    given = request["given"]
    model_uuid = given["model"]["uuid"]
    kept = {} if request["fresh"] else kept
    pathlib.Path("script.json").write_text(json.dumps(request["script"]))
    pathlib.Path("seen.jsonl").unlink(missing_ok=True)
    context = testing.Context(
        charm.TwinCharm,
        meta={key: value for key, value in definition.items() if key not in ("config", "actions")},
        config=definition["config"],
        actions=definition["actions"],
        app_name=given["app"],
        unit_id=given["unitNumber"],
        juju_version="3.6.14",
    )
    charm.made = None
    state = state_of(given, kept)
    failure = None
    try:
        out = context.run(event_of(context, request["event"], state), state)
    except testing.ActionFailed as failed:
        out, failure = failed.state, failed.message
    kept = {"stored_states": out.stored_states, "deferred": out.deferred}
    is_action = isinstance(request["event"], dict) and "action" in request["event"]
    action = {"results": context.action_results or {}, "log": list(context.action_logs), "failure": failure}
    requests = [{"name": name, "count": count} for name, count in context.requested_storages.items()]
    out = {**state_out(out, given["app"]), "storageRequests": requests}
    return {**out, "action": action if is_action else None}


answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)
for line in sys.stdin:
    try:
        answer = {"then": transition(json.loads(line))}
    except (Exception, SystemExit) as error:
        cause = error.__cause__ or error
        answer = {"failed": f"{type(cause).__name__}: {cause}"}
    print(json.dumps(answer), file=answers, flush=True)
