/** Space-separated options: labels and taints, checked before anything is done with them. */
export interface Label {
  readonly key: string;
  /** `null` for `key=-`: the label is to go. */
  readonly value: string | null;
}

/** Labels of an option, or the first token that is none. */
export type ParsedLabels = { ok: true; labels: readonly Label[] } | { ok: false; token: string };
export type ParsedTaints = { ok: true; taints: readonly string[] } | { ok: false; token: string };

const NAME = String.raw`([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)`;
const PREFIX = String.raw`([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?/)?`;
const LABEL = new RegExp(`^(?<key>${PREFIX}${NAME})=(?<value>${NAME}?|-)$`, "u");
const TAINT = new RegExp(`^${PREFIX}${NAME}(=${NAME}?)?:(NoSchedule|PreferNoSchedule|NoExecute)$`, "u");

export function parseLabels(option: string): ParsedLabels {
  const labels: Label[] = [];
  for (const token of words(option)) {
    const { key, value } = LABEL.exec(token)?.groups ?? {};
    if (key === undefined || value === undefined) return { ok: false, token };
    labels.push({ key, value: value === "-" ? null : value });
  }
  return { ok: true, labels };
}

export function parseTaints(option: string): ParsedTaints {
  const taints = words(option);
  const wrong = taints.find((taint) => !TAINT.test(taint));
  return wrong === undefined ? { ok: true, taints } : { ok: false, token: wrong };
}

export const words = (option: string): string[] => option.split(/\s+/u).filter((word) => word !== "");
