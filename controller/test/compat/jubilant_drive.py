"""jubilant drives the command as if it were juju: JUJU CHARM BLOB."""

import json
import sys

import jubilant

binary, charm, blob = sys.argv[1:]
juju = jubilant.Juju(cli_binary=binary)
seen = {}

juju.add_model("jub")
juju.deploy(charm, "tiny", num_units=1, config={"port": 81}, resources={"blob": blob}, constraints={"mem": "1G"})
status = juju.wait(jubilant.all_agents_idle, timeout=120)
seen["charm"] = status.apps["tiny"].charm
seen["port"] = juju.config("tiny")["port"]
juju.config("tiny", {"port": 82}, reset=["title"])
juju.model_config({"update-status-hook-interval": "1m"})
seen["interval"] = juju.model_config()["update-status-hook-interval"]
seen["exec"] = juju.exec("echo hi", unit="tiny/0").stdout
seen["machine"] = juju.exec("echo there", machine=0).stdout
try:
    juju.exec("exit 3", unit="tiny/0")
except jubilant.TaskError as error:
    seen["failed"] = error.task.return_code
seen["action"] = juju.run("tiny/0", "hello", {"name": "x"}).results
for unit, action in (("tiny/0", "nope"), ("tiny/9", "hello")):
    try:
        juju.run(unit, action)
    except ValueError:
        seen[f"{unit} {action}"] = "ValueError"
juju.deploy(charm, "other")
juju.integrate("tiny:db", "other:site")
juju.remove_relation("tiny:db", "other:site")
juju.add_unit("tiny")
juju.remove_unit("tiny/1")
juju.trust("tiny")
seen["ssh"] = juju.ssh("tiny/0", "whoami").strip()
seen["model"] = juju.show_model("jub").short_name
seen["secrets"] = len(juju.secrets())
juju.refresh("tiny", path=charm)
juju.remove_application("tiny", destroy_storage=True, force=True)
juju.destroy_model("jub", destroy_storage=True, force=True)
print(json.dumps(seen))
