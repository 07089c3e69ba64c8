"""python-libjuju drives the controller by the client's files: CHARM BLOB."""

import asyncio
import json
import sys

from juju.controller import Controller

charm, blob = sys.argv[1:]
seen = {}


async def main():
    controller = Controller()
    await controller.connect()
    model = await controller.add_model("lj")
    app = await model.deploy(charm, application_name="tiny", num_units=2, config={"port": 83}, resources={"blob": blob})
    await model.wait_for_idle(apps=["tiny"], status="active", idle_period=2, timeout=120)
    seen["port"] = (await app.get_config())["port"]["value"]
    await app.set_config({"port": "84"})
    await app.reset_config(["port"])
    unit = app.units[0]
    action = await (await unit.run_action("hello", name="x")).wait()
    seen["action"] = [action.status, action.results]
    seen["exec"] = (await unit.run("echo hi", block=True)).results["stdout"]
    try:
        await unit.run_action("nope")
    except ValueError:
        seen["nope"] = "ValueError"
    await model.deploy(charm, application_name="other")
    seen["relation"] = (await model.integrate("tiny:db", "other:site")).key
    await app.destroy_relation("db", "other:site", block_until_done=True)
    seen["units"] = [added.name for added in await app.add_unit(1)]
    await model.destroy_unit("tiny/2")
    seen["status"] = sorted((await model.get_status()).applications)
    await app.set_annotations({"k": "v"})
    seen["annotations"] = await app.get_annotations()
    await app.refresh(path=charm)
    seen["machine"] = (await model.add_machine()).id
    await app.expose()
    await model.remove_application("tiny", block_until_done=True, force=True)
    await model.disconnect()
    await controller.destroy_models("lj", destroy_storage=True, force=True, max_wait=5)
    await controller.disconnect()
    print(json.dumps(seen))


asyncio.run(main())
