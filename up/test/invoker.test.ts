import { expect, test } from "vitest";
import { clientDirectory } from "../src/client.ts";
import { invoker, kubeconfigPath } from "../src/invoker.ts";

const passwd = () => "root:x:0:0:root:/root:/bin/bash\nada:x:1000:1001:Ada:/home/ada:/bin/zsh\nbroken:line\n";

test("under sudo the files are the person's", () => {
  const person = invoker({ SUDO_UID: "1000", SUDO_GID: "1001", SUDO_USER: "ada", HOME: "/root" }, passwd);
  expect(person).toEqual({ name: "ada", uid: 1000, gid: 1001, home: "/home/ada" });
  expect(clientDirectory(person, { SUDO_UID: "1000", XDG_DATA_HOME: "/root/.data" })).toBe(
    "/home/ada/.local/share/cantrip",
  );
  expect(kubeconfigPath(person, "k8s", {})).toBe("/home/ada/.kube/cantrip-k8s");
});

test("without sudo the environment counts", () => {
  const person = { name: "ada", uid: 1000, gid: 1001, home: "/home/ada" };
  expect(clientDirectory(person, { XDG_DATA_HOME: "/data" })).toBe("/data/cantrip");
  expect(clientDirectory(person, { JUJU_DATA: "/juju" })).toBe("/juju");
  expect(clientDirectory(person, { JUJU_DATA: "/juju", CANTRIP_DATA: "/own" })).toBe("/own");
});

test("a user that is not in the file still gets a place", () => {
  expect(invoker({ SUDO_UID: "4242", SUDO_GID: "4242", HOME: "/somewhere" }, passwd).home).toBe("/somewhere");
});
