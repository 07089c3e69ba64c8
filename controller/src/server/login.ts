/** Admin 3 Login: who it is, what is served to them, and where else the controller listens. */
import { isIPv6 } from "node:net";
import { ApiError, facadesFor } from "../facade.ts";
import type { Account, Controller, LiveModel } from "../models.ts";
import type { Login } from "./connection.ts";

export function loginFor(controller: Controller): Login {
  return async ({ params }, model) => {
    const [tag, password, nonce] = [params["auth-tag"], params["credentials"], params["nonce"]];
    const isText = typeof tag === "string" && typeof password === "string";
    const options = {
      ...(model ? { modelUuid: model.uuid } : {}),
      ...(typeof nonce === "string" && nonce ? { nonce } : {}),
    };
    const account = isText ? await controller.authenticate(tag, password, options) : undefined;
    if (!account || (account.kind === "machine" && options.nonce === undefined))
      throw new ApiError("unauthorized access", "invalid entity name or password");
    return { account, response: loginResult(controller, model, account, String(tag)) };
  };
}

function loginResult(
  controller: Controller,
  model: LiveModel | undefined,
  account: Account,
  tag: string,
): unknown {
  const user = {
    "display-name": account.displayName,
    identity: tag,
    "controller-access": "superuser",
    ...(model ? { "model-access": "admin" } : {}),
  };
  return {
    servers: [controller.addresses.map(hostPort)],
    "controller-tag": `controller-${controller.uuid}`,
    ...(model ? { "model-tag": `model-${model.uuid}` } : {}),
    ...(account.kind === "user" ? { "user-info": user } : {}),
    facades: facadesFor(account, model !== undefined).map(({ name, versions }) => ({ name, versions })),
    "server-version": controller.version,
  };
}

export function hostPort(address: string): { value: string; type: string; scope: string; port: number } {
  const at = address.lastIndexOf(":");
  const value = address.slice(0, at).replace(/^\[|\]$/g, "");
  const local = value === "::1" || value === "localhost" || value.startsWith("127.");
  return {
    value,
    type: isIPv6(value) ? "ipv6" : "ipv4",
    scope: local ? "local-machine" : "local-cloud",
    port: Number(address.slice(at + 1)),
  };
}
