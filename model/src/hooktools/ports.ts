import { portText } from "../decide/ports.ts";
import type { PortRange } from "../hook-changes.ts";
import { isSame } from "../records.ts";
import { ToolFailure, misuse } from "./tool.ts";
import type { Call, Tools } from "./tool.ts";

const usage = "<port>[/<protocol>] or <from>-<to>[/<protocol>] or icmp";

export const portTools: Tools = {
  "open-port": {
    usage,
    purpose: "register a request to open a port or a range of ports",
    flags: { endpoints: "text" },
    most: 1,
    run: (call) => change(call, "open"),
  },
  "close-port": {
    usage,
    purpose: "register a request to close a port or a range of ports",
    flags: { endpoints: "text" },
    most: 1,
    run: (call) => change(call, "close"),
  },
  "opened-ports": {
    usage: "[options]",
    purpose: "list the ports that this unit has opened",
    flags: { endpoints: "boolean" },
    format: "smart",
    most: 0,
    run: openedPorts,
  },
};

/** The last request for a range counts. */
function change(call: Call, kind: "open" | "close"): void {
  const { ports } = call.buffer.changes;
  const range = parseRange(call.args[0]);
  const other = kind === "open" ? "close" : "open";
  for (const endpoint of endpointsOf(call)) {
    const request: PortRange = { endpoint, ...range };
    ports[other] = ports[other].filter((each) => !isSame(each, request));
    if (!ports[kind].some((each) => isSame(each, request))) ports[kind].push(request);
  }
}

function endpointsOf({ view, text }: Call): string[] {
  const given = (text("endpoints") ?? "").split(",").map((name) => name.trim());
  const names = given.filter((name) => name !== "");
  const unknown = names.find(
    (name) => !Object.hasOwn(view.endpoints, name) && !view.extraBindings.includes(name),
  );
  if (unknown !== undefined)
    throw new ToolFailure(`cannot change ports: endpoint ${JSON.stringify(unknown)} not found`);
  return names.length === 0 ? [""] : [...new Set(names)];
}

function parseRange(text: string | undefined): Omit<PortRange, "endpoint"> {
  if (text === undefined || text === "") throw misuse("no port or range specified");
  const lower = text.toLowerCase();
  if (lower === "icmp") return { from: -1, to: -1, protocol: "icmp" };
  const [, first, last, protocol = "tcp"] = /^([^-/]+)(?:-([^/]+))?(?:\/(.+))?$/.exec(lower) ?? [];
  const from = port(first ?? text);
  const to = last === undefined ? from : port(last);
  if (protocol !== "tcp" && protocol !== "udp")
    throw misuse(`invalid protocol ${JSON.stringify(protocol)}, expected "tcp", "udp", or "icmp"`);
  if (to < from) throw misuse(`invalid port range ${from}-${to}/${protocol}; expected fromPort <= toPort`);
  return { from, to, protocol };
}

function port(text: string): number {
  const number = /^\d{1,6}$/.test(text) ? Number(text) : 0;
  if (number < 1 || number > 65_535) throw misuse(`invalid port ${JSON.stringify(text)}`);
  return number;
}

/** What is open, not what this hook has asked for. */
function openedPorts({ view, isSet }: Call): string[] {
  const ports = [...view.openPorts].sort((a, b) =>
    a.protocol < b.protocol ? -1 : a.protocol > b.protocol ? 1 : a.from - b.from || a.to - b.to,
  );
  const texts = [...new Set(ports.map((range) => portText(range)))];
  if (!isSet("endpoints")) return texts;
  return texts.map((text) => {
    const endpoints = ports.filter((range) => portText(range) === text).map(({ endpoint }) => endpoint);
    return `${text} (${endpoints.includes("") ? "*" : endpoints.sort().join(", ")})`;
  });
}
