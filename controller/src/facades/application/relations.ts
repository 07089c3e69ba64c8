/** Relations: the model infers endpoints and refuses what does not fit. */
import type { Relation } from "@cantrip/model";
import { ApiError, type FacadeMethod, type Params } from "../../facade.ts";
import { flag, texts, wholeNumber } from "../params.ts";
import { sourceOf, modelOf } from "../values.ts";

export const AddRelation: FacadeMethod = async (connection, params) => {
  const model = modelOf(connection);
  const endpoints = twoEndpoints(params);
  if (texts(params, "via-cidrs").length > 0)
    throw new ApiError("not supported", "--via is for relations across models");
  const events = await model.execute({ type: "integrate", endpoints }, sourceOf(connection));
  const added = events.find((event) => event.type === "relation-added")?.relation;
  return { endpoints: added ? wireEndpoints(added) : {} };
};

function twoEndpoints(params: Params): [string, string] {
  const [first, second, ...more] = texts(params, "endpoints");
  if (!first || !second || more.length > 0)
    throw new ApiError(
      "bad request",
      "a relation is between two endpoints: expected APPLICATION[:ENDPOINT] twice",
    );
  return [first, second];
}

function wireEndpoints({ endpoints }: Relation): Record<string, object> {
  return Object.fromEntries(
    endpoints.map(({ application, name, role, interface: iface, scope }) => [
      application,
      { name, role, interface: iface, optional: false, limit: 0, scope },
    ]),
  );
}

/** Endpoints win over the id when both are given. */
export const DestroyRelation: FacadeMethod = async (connection, params) => {
  const force = flag(params, "force");
  const which =
    texts(params, "endpoints").length > 0
      ? { endpoints: twoEndpoints(params) }
      : { id: wholeNumber(params, "relation-id", { fallback: -1 }) };
  await modelOf(connection).execute({ type: "remove-relation", ...which, force }, sourceOf(connection));
};
