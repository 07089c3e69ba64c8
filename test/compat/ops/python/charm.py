"""The twin of charm/src: does what script.json in its directory says, and writes down what it saw."""

import datetime
import json
import logging
import pathlib
import sys
import types

import ops
from ops import hookcmds

log = logging.getLogger(__name__)
here = pathlib.Path.cwd()
made = None


def name_of(error):
    text = str(error).lower()
    if isinstance(error, ops.RelationNotFoundError):
        return "relation not found"
    if isinstance(error, ops.SecretNotFoundError):
        return "secret not found"
    if isinstance(error, ops.RelationDataAccessError):
        return "relation access"
    if isinstance(error, ops.RelationDataTypeError):
        return "relation type"
    if isinstance(error, RuntimeError) and "defer" in text:
        return "not deferrable"
    if isinstance(error, (RuntimeError, ops.ModelError)) and any(
        words in text for words in ("not the leader", "non-leader", "cannot write relation settings")
    ):
        return "not the leader"
    if isinstance(error, (ops.ModelError, hookcmds.Error)):
        return "tool failed"
    if isinstance(error, (ValueError, TypeError)) and "secret" in text:
        return "secret content"
    if isinstance(error, ValueError) and ("key" in text or "duplicate" in text):
        return "result key"
    if isinstance(error, (KeyError, NameError)):
        return "unknown name"
    return f"{type(error).__name__}: {error}"


def described(options):
    found = dict(options or {})
    if "expire" in found:
        found["expire"] = datetime.datetime.fromisoformat(found["expire"].replace("Z", "+00:00"))
    if "rotate" in found:
        found["rotate"] = ops.SecretRotate(found["rotate"])
    return found


def bare(id):
    return id.split("/")[-1].removeprefix("secret:")


def port_of(text):
    number, _, protocol = text.partition("/")
    return ("icmp", None) if number == "icmp" else (protocol, int(number))


def port_text(port):
    return "icmp" if port.protocol == "icmp" else f"{port.port}/{port.protocol}"


class SmallPort:
    def __init__(self, *, port, **rest):
        if port > 1000:
            raise ValueError("port is too large")
        self.port = port


class SmallDepth:
    def __init__(self, *, depth, **rest):
        if depth > 1000:
            raise ValueError("depth is too large")
        self.depth = depth


class PingedEvent(ops.EventBase):
    def __init__(self, handle, word=""):
        super().__init__(handle)
        self.word = word

    def snapshot(self):
        return {"word": self.word}

    def restore(self, snapshot):
        self.word = snapshot["word"]


class TwinEvents(ops.CharmEvents):
    pinged = ops.EventSource(PingedEvent)


class TwinCharm(ops.CharmBase):
    on = TwinEvents()
    _stored = ops.StoredState()

    def __init__(self, framework):
        super().__init__(framework)
        self.script = json.loads((here / "script.json").read_text())
        self._stored.set_default(values={})
        for key in self.script:
            # An event, or "event as handler".
            event, _, name = key.partition(" as ")
            source = getattr(self.on, event.replace("-", "_"), None)
            if source is not None:
                framework.observe(source, self._handler(key, name) if name else self._follow)

    def _handler(self, key, name):
        def handle(self, event):
            self.follow(key, event)

        handle.__name__ = name
        setattr(self, name, types.MethodType(handle, self))
        return getattr(self, name)

    def see(self, what, value):
        with (here / "seen.jsonl").open("a") as seen:
            seen.write(json.dumps([what, value]) + "\n")

    def _follow(self, event):
        self.follow(event.handle.kind.replace("_", "-"), event)

    def follow(self, key, event):
        self.see("event", key)
        for op in self.script[key]:
            self.perform(event, op)

    def perform(self, event, op):
        name, *args = op
        if name == "try":
            return self.attempt(event, args[0])
        seen = getattr(self, "do_" + name.replace("-", "_"))(event, *args)
        if seen is not None or name == "stored":
            self.see(name, seen)

    def attempt(self, event, op):
        try:
            self.perform(event, op)
        except Exception as error:  # whatever it is, it has a name
            self.see("try", name_of(error))
        else:
            self.see("try", "went well")

    def relation_of(self, event, which):
        if which == "event":
            return event.relation
        endpoint, _, id = which.partition(":")
        found = self.model.relations[endpoint]
        return found[0] if id == "" else next(one for one in found if one.id == int(id))

    def entity(self, name):
        return self.model.get_unit(name) if "/" in name else self.model.get_app(name)

    def secret_of(self, event, which):
        if which == "event":
            return event.secret
        if which == "new":
            return made
        if isinstance(which, dict):
            return self.model.get_secret(**which)
        is_id = which.startswith("secret:") or len(which) == 20
        return self.model.get_secret(**({"id": which} if is_id else {"label": which}))

    def do_facts(self, event):
        name_or_none = lambda entity: None if entity is None else entity.name
        if isinstance(event, ops.RelationEvent):
            return {
                "relation": event.relation.id,
                "active": event.relation.active,
                "app": name_or_none(event.app),
                "unit": name_or_none(event.unit),
                "departingUnit": name_or_none(getattr(event, "departing_unit", None)),
            }
        if isinstance(event, ops.SecretEvent):
            return {
                "id": event.secret.unique_identifier,
                "label": event.secret.label,
                "revision": getattr(event, "revision", None),
            }
        if isinstance(event, ops.StorageEvent):
            return {"name": event.storage.name, "index": event.storage.index}
        if isinstance(event, ops.ActionEvent):
            return {"params": event.params}
        return {}

    def do_model(self, event):
        return {
            "name": self.model.name,
            "uuid": self.model.uuid,
            "unit": self.unit.name,
            "app": self.app.name,
            "version": str(self.model.juju_version),
        }

    def do_config(self, event):
        return dict(self.config)

    def do_load_config(self, event, invalid):
        errors = "raise" if invalid == "throw" else invalid
        return self.load_config(SmallPort, errors=errors).port

    def do_load_params(self, event, invalid):
        errors = "raise" if invalid == "throw" else invalid
        return event.load_params(SmallDepth, errors=errors).depth

    def do_leader(self, event):
        return self.unit.is_leader()

    def do_planned_units(self, event):
        return self.app.planned_units()

    def do_log(self, event, level, text):
        getattr(log, level)(text)

    def do_status(self, event, status, message):
        self.unit.status = ops.StatusBase.from_name(status, message)

    def do_app_status(self, event, status, message):
        self.app.status = ops.StatusBase.from_name(status, message)

    def do_status_read(self, event):
        return {"status": self.unit.status.name, "message": self.unit.status.message}

    def do_app_status_read(self, event):
        return {"status": self.app.status.name, "message": self.app.status.message}

    def do_add_status(self, event, status, message):
        event.add_status(ops.StatusBase.from_name(status, message))

    def do_version(self, event, version):
        self.unit.set_workload_version(version)

    def do_relations(self, event, endpoint):
        return sorted(
            [one.id, None if one.app is None else one.app.name, sorted(unit.name for unit in one.units), one.active]
            for one in self.model.relations[endpoint]
        )

    def do_units(self, event, which):
        return sorted(unit.name for unit in self.relation_of(event, which).units)

    def do_get(self, event, which, entity):
        return dict(self.relation_of(event, which).data[self.entity(entity)])

    def do_set(self, event, which, side, values):
        self.relation_of(event, which).data[self.app if side == "app" else self.unit].update(values)

    def do_remote_model(self, event, which):
        return self.relation_of(event, which).remote_model.uuid

    def binding_seen(self, binding):
        network = binding.network
        return {
            "bindAddress": str(network.bind_address),
            "ingressAddress": str(network.ingress_address),
            "ingressAddresses": [str(one) for one in network.ingress_addresses],
            "egressSubnets": [str(one) for one in network.egress_subnets],
            "interfaces": [[one.name, str(one.address)] for one in network.interfaces],
        }

    def do_binding(self, event, name):
        return self.binding_seen(self.model.get_binding(name))

    def do_relation_binding(self, event, which):
        return self.binding_seen(self.model.get_binding(self.relation_of(event, which)))

    def do_secret_add(self, event, owner, content, options=None):
        global made
        made = (self.app if owner == "application" else self.unit).add_secret(content, **described(options))
        return bare(made.id)

    def do_secret_read(self, event, which, options=None):
        return self.secret_of(event, which).get_content(**(options or {}))

    def do_secret_peek(self, event, which):
        return self.secret_of(event, which).peek_content()

    def do_secret_info(self, event, which):
        info = self.secret_of(event, which).get_info()
        return {
            "id": bare(info.id),
            "revision": info.revision,
            "label": info.label,
            "description": info.description,
        }

    def do_secret_set(self, event, which, content):
        self.secret_of(event, which).set_content(content)

    def do_secret_describe(self, event, which, options):
        self.secret_of(event, which).set_info(**described(options))

    def do_secret_grant(self, event, which, relation, unit=None):
        self.secret_of(event, which).grant(
            self.relation_of(event, relation), unit=None if unit is None else self.model.get_unit(unit)
        )

    def do_secret_revoke(self, event, which, relation, unit=None):
        self.secret_of(event, which).revoke(
            self.relation_of(event, relation), unit=None if unit is None else self.model.get_unit(unit)
        )

    def do_secret_remove(self, event, which):
        self.secret_of(event, which).remove_all_revisions()

    def do_secret_remove_revision(self, event, which, revision):
        self.secret_of(event, which).remove_revision(revision)

    def do_event_remove_revision(self, event):
        event.remove_revision()

    def do_open_port(self, event, port):
        self.unit.open_port(*port_of(port))

    def do_close_port(self, event, port):
        self.unit.close_port(*port_of(port))

    def do_set_ports(self, event, *ports):
        self.unit.set_ports(*(ops.Port(*port_of(port)) for port in ports))

    def do_ports(self, event):
        return sorted(port_text(port) for port in self.unit.opened_ports())

    def do_resource(self, event, name):
        return str(self.model.resources.fetch(name))

    def do_reboot(self, event, now=False):
        self.unit.reboot(now)

    def do_storage(self, event, name):
        return [[one.name, one.index, str(one.location)] for one in self.model.storages[name]]

    def do_storage_request(self, event, name, count):
        self.model.storages.request(name, count)

    def do_location(self, event):
        return str(event.storage.location)

    def do_results(self, event, results):
        event.set_results(results)

    def do_action_log(self, event, text):
        event.log(text)

    def do_action_fail(self, event, text):
        event.fail(text)

    def do_store(self, event, key, value):
        self._stored.values = {**json.loads(json.dumps(plain(self._stored.values))), key: value}

    def do_stored(self, event, key):
        return plain(self._stored.values).get(key)

    def do_default(self, event, key, value):
        self._stored.set_default(**{key: value})
        return plain(getattr(self._stored, key))

    def do_defer(self, event):
        event.defer()

    def do_ping(self, event, word):
        self.on.pinged.emit(word)

    def do_word(self, event):
        return event.word

    def do_raise(self, event, text):
        raise Exception(text)

    def do_exit(self, event, code):
        sys.exit(code)


def plain(value):
    if isinstance(value, ops.StoredDict):
        return {key: plain(one) for key, one in value.items()}
    if isinstance(value, ops.StoredList):
        return [plain(one) for one in value]
    return value


if __name__ == "__main__":
    ops.main(TwinCharm)
