import { writeYaml } from "@cantrip/metadata";
import { canonical, put } from "../records.ts";
import { RawText, misuse } from "./tool.ts";
import type { Format } from "./tool.ts";

export function parseFormat(text: string | undefined, fallback: Format): Format {
  if (text === undefined) return fallback;
  if (text === "smart" || text === "yaml" || text === "json") return text;
  const shown = JSON.stringify(text);
  throw misuse(`invalid value ${shown} for option --format: unknown format ${shown}`);
}

/** A value as it is printed. Keys are sorted, as Go does it. */
export function render(value: unknown, format: Format): string {
  if (value === undefined) return "";
  if (value instanceof RawText) return value.text;
  if (format === "json") return `${canonical(value)}\n`;
  if (value === null) return "";
  return format === "smart" ? smart(value) : yaml(value);
}

function smart(value: unknown): string {
  if (typeof value === "string") return value === "" ? "" : `${value}\n`;
  if (typeof value === "boolean") return value ? "True\n" : "False\n";
  const isListOfStrings = Array.isArray(value) && value.every((item) => typeof item === "string");
  if (isListOfStrings) return value.length === 0 ? "" : `${value.join("\n")}\n`;
  return yaml(value);
}

function yaml(value: unknown): string {
  const text = writeYaml(sorted(value));
  return text.endsWith("\n") ? text : `${text}\n`;
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  const result: Record<string, unknown> = {};
  const record = value as Record<string, unknown>;
  for (const key of Object.keys(record).sort())
    if (record[key] !== undefined) put(result, key, sorted(record[key]));
  return result;
}
