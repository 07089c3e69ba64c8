import { own } from "../records.ts";
import { chosenRelation } from "./relations.ts";
import { ToolFailure, misuse } from "./tool.ts";
import type { Call, Tools } from "./tool.ts";

export const networkTools: Tools = {
  "network-get": {
    usage: "[options] <binding> [--ingress-address] [--bind-address] [--egress-subnets]",
    purpose: "get the network of an endpoint",
    flags: {
      r: "text",
      relation: { alias: "r" },
      "bind-address": "boolean",
      "ingress-address": "boolean",
      "egress-subnets": "boolean",
      "primary-address": "boolean",
    },
    format: "smart",
    most: 1,
    run: networkGet,
  },
  "unit-get": {
    usage: "[options] <setting>",
    purpose: "get the public-address or private-address of this unit",
    format: "smart",
    most: 1,
    run: ({ view, args: [setting] }) => {
      if (setting === undefined || setting === "") throw misuse("no setting specified");
      if (setting === "private-address") return view.privateAddress;
      if (setting === "public-address") return view.publicAddress;
      throw misuse(`unknown setting ${JSON.stringify(setting)}`);
    },
  },
};

function networkGet(call: Call): unknown {
  const { view, args, text } = call;
  const [binding] = args;
  if (binding === undefined || binding === "") throw misuse("no arguments specified");
  if (text("r") !== undefined) chosenRelation(call);
  const isKnown = Object.hasOwn(view.endpoints, binding) || view.extraBindings.includes(binding);
  if (!isKnown) throw new ToolFailure(`no network config found for binding ${JSON.stringify(binding)}`);
  const chosen = Object.entries(singleAnswers(call)).filter(([flag]) => call.isSet(flag));
  const [only, ...others] = chosen;
  if (!only) return wholeNetwork(call);
  return others.length === 0 ? only[1] : Object.fromEntries(chosen);
}

function singleAnswers(call: Call): Record<string, unknown> {
  const [first = ""] = call.view.addresses;
  return {
    "bind-address": first,
    "egress-subnets": egressSubnets(call),
    "ingress-address": first,
    "primary-address": first,
  };
}

function egressSubnets({ view }: Call): string[] {
  const configured = own(view.settings, "egress-subnets") ?? "";
  if (configured !== "") return configured.split(",").map((subnet) => subnet.trim());
  const [first] = view.addresses;
  return first === undefined ? [] : [`${first}/${first.includes(":") ? 128 : 32}`];
}

/** Nothing is known of the devices, so they have no names: one entry with the addresses. YAML repeats older spellings. */
function wholeNetwork(call: Call): unknown {
  const { view, format } = call;
  const isYaml = format !== "json";
  const addresses = view.addresses.map((value, index) => ({
    hostname: "",
    value,
    cidr: index === 0 ? (view.subnet ?? "") : "",
    ...(isYaml ? { address: value } : {}),
  }));
  const device = { "mac-address": "", "interface-name": "", addresses };
  return {
    "bind-addresses": [isYaml ? { ...device, macaddress: "", interfacename: "" } : device],
    "egress-subnets": egressSubnets(call),
    "ingress-addresses": view.addresses,
  };
}
