/** `wait-for KIND NAME`: until a query about it is true; told by the model's watcher, not by asking again and again. */
import type { Api } from "../api.ts";
import type { Run } from "../catalogue.ts";
import type { Context } from "../context.ts";
import { CommandError, UsageError } from "../errors.ts";
import { yaml } from "../output.ts";
import { parseDuration } from "../times.ts";
import { Picture, type Delta, type Kind } from "../waiting/picture.ts";
import { isTrue, parseQuery, type Scope } from "../waiting/query.ts";

const defaults: Record<Kind, string> = {
  model: 'life=="alive" && status=="available"',
  application: 'life=="alive" && status=="active"',
  unit: 'life=="alive" && workload-status=="active"',
  machine: 'life=="alive" && status=="started"',
};

export const waitFor: Run = async (context, [given = "", name = ""]) => {
  const kind = kindOf(given);
  const source = String(context.options["query"] ?? defaults[kind]);
  const query = parseQuery(source);
  const timeout = String(context.options["timeout"] ?? "10m");
  const timeoutMs = parseDuration(timeout, "--timeout");
  if (kind === "model") context.options["model"] ??= name;
  const { api } = await context.model();
  const reached = await Promise.race([
    watched(api, {
      kind,
      name,
      isReached: (scope) => isTrue(query(scope)),
      isDeathWanted: /life\s*==\s*["']dead["']/.test(source),
    }),
    expiry(timeoutMs),
  ]);
  if (reached === undefined) throw new CommandError(`timed out waiting for "${name}" to reach goal state`);
  report(context, kind, name, reached);
};

function kindOf(text: string): Kind {
  if (Object.hasOwn(defaults, text)) return text as Kind;
  throw new UsageError(`cannot wait for "${text}": expected model, application, unit or machine`);
}

interface Goal {
  readonly kind: Kind;
  readonly name: string;
  readonly isReached: (scope: Scope) => boolean;
  /** then its removal is what was waited for */
  readonly isDeathWanted: boolean;
}

async function watched(api: Api, { kind, name, isReached, isDeathWanted }: Goal): Promise<Scope> {
  const watcher = await api.call<{ "watcher-id": string }>("Client", "WatchAll");
  const picture = new Picture();
  for (let before: Scope | undefined; ;) {
    const { deltas } = await api.call<{ deltas: Delta[] }>("AllWatcher", "Next", {}, watcher["watcher-id"]);
    picture.apply(deltas);
    const scope = picture.find(kind, name);
    if (scope && isReached(scope)) return scope;
    if (before && !scope && isDeathWanted) return { ...before, life: "dead" };
    if (before && !scope) throw new CommandError(`${kind} ${name} removed`);
    before = scope;
  }
}

function expiry(ms: number): Promise<undefined> {
  return new Promise((resolve) => {
    setTimeout(() => resolve(undefined), Math.min(ms, 2_147_483_647)).unref();
  });
}

function report({ io }: Context, kind: Kind, name: string, scope: Scope): void {
  io.err(
    `${kind} "${name}" is ${scope["life"] === "dead" ? "removed" : "running"}\n`.replace(/^./, (first) =>
      first.toUpperCase(),
    ),
  );
  const status = kind === "unit" ? scope["workload-status"] : scope["status"];
  const properties = { life: scope["life"], status };
  const units = Array.isArray(scope["units"]) ? (scope["units"] as Scope[]) : [];
  const summary = Object.fromEntries(
    units.map((unit) => [
      unit["name"] as string,
      { life: unit["life"], "workload-status": unit["workload-status"] },
    ]),
  );
  io.out(yaml({ properties, ...(units.length > 0 ? { units: summary } : {}) }));
}
