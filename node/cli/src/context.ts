/** What every command needs: the daemon's client, the output, the bounds. */
import { K8sdClient, K8sdError } from "@cantrip/k8sd";
import type { EndpointName, Requests, Responses } from "@cantrip/metadata/k8sd";
import { failedTo, NOT_PART_OF_A_CLUSTER, UserError } from "./errors.ts";

export const client = new K8sdClient();

export function requireRoot(): void {
  if (process.geteuid?.() === 0) return;
  throw new UserError("You do not have enough permissions. Please re-run the command with sudo.");
}

/** A call whose failures become what the user reads. */
export async function ask<E extends EndpointName>(
  what: string,
  endpoint: E,
  body?: Requests[E],
  timeoutMs?: number,
): Promise<Responses[E]> {
  try {
    return await client.call(endpoint, body, timeoutMs === undefined ? {} : { timeoutMs });
  } catch (error) {
    if (error instanceof K8sdError && error.isNotInitialized) throw new UserError(NOT_PART_OF_A_CLUSTER);
    throw failedTo(what, error);
  }
}

const MINIMUM_MS = 3_000;
const DAY_MS = 86_400_000;
const UNITS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: DAY_MS,
  mo: 30 * DAY_MS,
  y: 365 * DAY_MS,
};

/** Milliseconds of `90s`, `1h30m`, `2d`, `4mo`, `5y`. */
export function parseDuration(text: string): number {
  if (!/^(?:\d+(?:\.\d+)?(?:ms|mo|s|m|h|d|y))+$/.test(text))
    throw new UserError(
      `Cannot use ${JSON.stringify(text)} as a duration: expected for example 90s, 1h30m or 2d`,
    );
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|mo|s|m|h|d|y)/g)];
  return parts.reduce((sum, [, amount, unit]) => sum + Number(amount) * UNITS[unit!]!, 0);
}

/** The bound of a command: never below three seconds. */
export function parseTimeout(text: string): number {
  const timeoutMs = parseDuration(text);
  if (timeoutMs >= MINIMUM_MS) return timeoutMs;
  process.stderr.write(`Timeout ${text} is less than minimum of 3s. Using the minimum 3s instead.\n`);
  return MINIMUM_MS;
}

export type Format = "plain" | "json" | "yaml";

export async function print(format: Format, plain: string, value: unknown): Promise<void> {
  process.stdout.write(await rendered(format, plain, value));
}

async function rendered(format: Format, plain: string, value: unknown): Promise<string> {
  if (format === "json") return `${JSON.stringify(value, undefined, 2)}\n`;
  if (format === "plain") return `${plain}\n`;
  const { dump } = await import("js-yaml");
  return dump(value);
}

export const progress = (text: string) => void process.stderr.write(`${text}\n`);
