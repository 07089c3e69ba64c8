/** Times and durations in juju's forms. */
import { UsageError } from "./errors.ts";

const months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const two = (n: number): string => String(n).padStart(2, "0");

/** `09 Jun 2025 11:14:50+12:00`, or in UTC `2025-06-09 11:14:50Z`; empty for no time. */
export function displayTime(iso: string | null | undefined, { utc = false } = {}): string {
  if (!iso || iso.startsWith("0001-")) return "";
  const at = new Date(iso);
  if (utc) return `${at.toISOString().slice(0, 19).replace("T", " ")}Z`;
  const date = `${two(at.getDate())} ${months[at.getMonth()] ?? ""} ${at.getFullYear()}`;
  return `${date} ${clock(at)}${zone(at)}`;
}

/** `12:11:53+12:00` */
export function displayClock(iso: string, { utc = false } = {}): string {
  const at = new Date(iso);
  return utc ? `${at.toISOString().slice(11, 19)}Z` : `${clock(at)}${zone(at)}`;
}

const clock = (at: Date): string => `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;

function zone(at: Date): string {
  const minutes = -at.getTimezoneOffset();
  if (minutes === 0) return "Z";
  const absolute = Math.abs(minutes);
  return `${minutes < 0 ? "-" : "+"}${two(Math.floor(absolute / 60))}:${two(absolute % 60)}`;
}

/** Go's way of printing a time, which tasks carry: `2025-06-09 11:14:49 +0000 UTC`. */
export function taskTime(iso: string | undefined): string | undefined {
  return iso === undefined || iso.startsWith("0001-")
    ? undefined
    : `${iso.slice(0, 19).replace("T", " ")} +0000 UTC`;
}

/** `2 minutes ago` */
export function age(iso: string | null | undefined, now = Date.now()): string {
  if (!iso || iso.startsWith("0001-")) return "never connected";
  const seconds = Math.max(0, Math.floor((now - Date.parse(iso)) / 1000));
  if (seconds < 30) return "just now";
  const [count, unit] = largest(seconds);
  return `${count} ${unit}${count === 1 ? "" : "s"} ago`;
}

function largest(seconds: number): [number, string] {
  if (seconds < 60) return [seconds, "second"];
  if (seconds < 3_600) return [Math.floor(seconds / 60), "minute"];
  return seconds < 86_400 ? [Math.floor(seconds / 3_600), "hour"] : [Math.floor(seconds / 86_400), "day"];
}

const units: Record<string, number> = {
  h: 3_600_000,
  m: 60_000,
  s: 1_000,
  ms: 1,
  us: 0.001,
  µs: 0.001,
  ns: 0.000_001,
};

/** Go's durations: `30s`, `1.5s`, `1h10m`. @returns milliseconds. @throws UsageError */
export function parseDuration(text: string, option: string): number {
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(h|ms|m|s|us|µs|ns)/g)];
  const isWhole = parts.length > 0 && parts.map(([part]) => part).join("") === text;
  if (text === "0") return 0;
  if (!isWhole)
    throw new UsageError(
      `invalid value "${text}" for option ${option}: expected a duration such as 30s, 1.5s or 10m`,
    );
  return parts.reduce((sum, [, number, unit]) => sum + Number(number) * (units[unit ?? ""] ?? 0), 0);
}
