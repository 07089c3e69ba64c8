/** Options that many commands have. */
import { Option } from "commander";

export const timeoutOption = (fallback: string) =>
  new Option("--timeout <duration>", "bound of the whole command").default(fallback);
export const formatOption = () =>
  new Option("--output-format <format>", "how to print the result")
    .choices(["plain", "json", "yaml"])
    .default("plain");
