/** `why` and `history`: what the log knows beyond the present. */
import type { Run } from "../catalogue.ts";
import { UsageError } from "../errors.ts";
import { emit } from "../output.ts";
import { table } from "../table.ts";
import { displayTime } from "../times.ts";

interface Cause {
  seq: number;
  at: string;
  what: string;
  by: string;
}

/** The present status first, then what led to it. */
export const why: Run = async (context, [entity = ""]) => {
  const { api } = await context.model();
  const { causes, compacted } = await api.call<{ causes: Cause[]; compacted: boolean }>("Insight", "Why", {
    entity,
  });
  const utc = context.options["utc"] === true;
  const rows = causes.map(({ at, what, by }, index) => [
    displayTime(at, { utc }),
    `${index === 0 ? "" : "because "}${what}`,
    by,
  ]);
  emit(context.io, context.options, { causes, compacted }, () => table(["Time", "What", "By"], rows));
  if (causes.length === 0)
    context.inform(
      compacted ? "What led to it was compacted away." : "Nothing has been said about its status yet.",
    );
};

interface Write {
  key: string;
  value?: string;
  at: string;
  unit: string;
  hook: string;
}

export const history: Run = async (context, [relation = "", entity = "", key]) => {
  if (!/^\d+$/.test(relation))
    throw new UsageError(
      `invalid relation id "${relation}": expected a number, as "cantrip show-unit" prints`,
    );
  const { api } = await context.model();
  const request = { relation: Number(relation), entity, ...(key === undefined ? {} : { key }) };
  const answer = await api.call<{ writes: Write[]; compacted: boolean }>("Insight", "History", request);
  const utc = context.options["utc"] === true;
  const rows = answer.writes.map((write) => [
    displayTime(write.at, { utc }),
    write.unit,
    write.hook,
    write.key,
    write.value ?? "(removed)",
  ]);
  emit(context.io, context.options, answer, () => table(["Time", "Unit", "Hook", "Key", "Value"], rows));
  if (answer.compacted) context.inform("(older writes were compacted away)");
};
