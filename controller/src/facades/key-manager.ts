/** KeyManager: SSH keys that the machines of a model accept, beside the controller's own. */
import { createHash } from "node:crypto";
import { ApiError, defineFacade, lenient, type FacadeMethod } from "../facade.ts";
import { entityTags, flag, texts } from "./params.ts";
import { eachResult, modelOf } from "./values.ts";

const publicKey =
  /^(?:ssh-(?:rsa|ed25519)|ecdsa-sha2-nistp(?:256|384|521)|sk-[a-z0-9@.-]+) [A-Za-z0-9+/]+={0,2}(?: [^\r\n]*)?$/;

const AddKeys: FacadeMethod = async (connection, params) => {
  const { uuid } = modelOf(connection);
  const { ssh } = connection.controller;
  const results = await eachResult(texts(params, "ssh-keys"), (given) => {
    const key = given.trim();
    if (!publicKey.test(key)) throw new ApiError("bad request", `invalid ssh key: ${key.slice(0, 40)}`);
    if (ssh.keys(uuid).some((known) => fingerprint(known) === fingerprint(key)))
      throw new ApiError("already exists", `duplicate ssh key: ${key.slice(0, 40)}`);
    ssh.addKeys(uuid, [key]);
    return undefined;
  });
  return { results };
};

/** By key, comment or fingerprint. */
const DeleteKeys: FacadeMethod = async (connection, params) => {
  const { uuid } = modelOf(connection);
  const { ssh } = connection.controller;
  const results = await eachResult(texts(params, "ssh-keys"), (given) => {
    const wanted = given.trim();
    const found = ssh.keys(uuid).filter((key) => [key, comment(key), fingerprint(key)].includes(wanted));
    if (found.length === 0) throw new ApiError("not found", `key "${wanted.slice(0, 80)}" not found`);
    ssh.removeKeys(uuid, found);
    return undefined;
  });
  return { results };
};

const ListKeys: FacadeMethod = (connection, params) => {
  const { uuid } = modelOf(connection);
  const inFull = flag(params, "mode");
  const tags = entityTags(lenient(params["entities"]));
  const keys = connection.controller.ssh
    .keys(uuid)
    .map((key) => (inFull ? key : `${fingerprint(key)} (${comment(key)})`));
  return { results: tags.map(() => ({ result: keys })) };
};

const comment = (key: string): string => key.split(" ").slice(2).join(" ");

/** MD5 with colons: what juju prints and takes. A name for a key, not a protection of it. */
function fingerprint(key: string): string {
  const digest = createHash("md5")
    .update(Buffer.from(key.split(" ")[1] ?? "", "base64"))
    .digest("hex");
  return digest.match(/../g)?.join(":") ?? "";
}

defineFacade({ name: "KeyManager", versions: [1], on: "model", methods: { AddKeys, DeleteKeys, ListKeys } });
