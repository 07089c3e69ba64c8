import { describe, expect, test } from "vitest";
import type { DetailedStatus, FullStatus } from "../../src/facades/status/wire.ts";
import { statusDocument } from "../../src/command/status/document.ts";
import { shortStatus, summaryStatus } from "../../src/command/status/short.ts";
import { portsText, tabularStatus } from "../../src/command/status/tabular.ts";

const ds = (status: string, info = "", more: Partial<DetailedStatus> = {}): DetailedStatus => ({
  status,
  info,
  data: {},
  since: "2025-06-09T11:14:50.000Z",
  kind: "",
  version: "",
  life: "",
  ...more,
});
const base = { name: "ubuntu", channel: "24.04/stable" };
const unit = {
  "workload-version": "",
  machine: "",
  "opened-ports": [],
  "public-address": "",
  charm: "",
  subordinates: {},
};
const machine = {
  "modification-status": ds("idle"),
  hostname: "",
  "dns-name": "",
  "ip-addresses": [],
  "instance-id": "",
  "display-name": "",
  base,
  "network-interfaces": {},
  containers: {},
  constraints: "",
  hardware: "",
  jobs: ["JobHostUnits"],
  "has-vote": false,
  "wants-vote": false,
};
const application = {
  "charm-version": "",
  "charm-profile": "",
  "charm-channel": "",
  "charm-rev": 0,
  base,
  exposed: false,
  life: "",
  relations: {},
  "can-upgrade-to": "",
  "subordinate-to": [],
  "meter-statuses": null,
  "workload-version": "",
  "endpoint-bindings": {},
  "public-address": "",
};

const full: FullStatus = {
  model: {
    name: "t",
    type: "iaas",
    "cloud-tag": "cloud-localhost",
    region: "localhost",
    version: "3.6.11",
    "available-version": "",
    "model-status": ds("available"),
    "meter-status": { color: "", message: "" },
    sla: "",
  },
  machines: {
    "1": {
      ...machine,
      id: "1",
      "agent-status": ds("started"),
      "instance-status": ds("running", "Running"),
      "dns-name": "10.103.56.99",
      "instance-id": "juju-663cb8-1",
    },
    "2": {
      ...machine,
      id: "2",
      "agent-status": ds("pending"),
      "instance-status": ds("pending", "Retrieving image"),
    },
  },
  applications: {
    nrpe: {
      ...application,
      charm: "ch:amd64/nrpe-165",
      "charm-channel": "latest/stable",
      "charm-rev": 165,
      units: null,
      "subordinate-to": ["web"],
      status: ds("blocked", "Nagios server not configured or related"),
    },
    web: {
      ...application,
      charm: "local:web-0",
      exposed: true,
      status: ds("active", "ready"),
      "workload-version": "1.2.3",
      units: {
        "web/0": {
          ...unit,
          "agent-status": ds("idle"),
          "workload-status": ds("active", "ready"),
          machine: "1",
          "opened-ports": ["80/tcp", "443/tcp"],
          "public-address": "10.103.56.99",
          leader: true,
          subordinates: {
            "nrpe/0": {
              ...unit,
              "agent-status": ds("executing", "running install hook"),
              "workload-status": ds("blocked", "Nagios server not ..."),
              "public-address": "10.103.56.99",
              "opened-ports": ["icmp", "5666/tcp"],
              leader: true,
            },
          },
        },
        "web/1": {
          ...unit,
          "agent-status": ds("allocating"),
          "workload-status": ds("waiting", "waiting for machine"),
          machine: "2",
        },
      },
    },
  },
  "remote-applications": {},
  offers: {},
  relations: [
    {
      id: 0,
      key: "web:peers",
      interface: "web-peers",
      scope: "global",
      endpoints: [{ application: "web", name: "peers", role: "peer", subordinate: false }],
      status: ds("joined"),
    },
    {
      id: 1,
      key: "lb:back web:website",
      interface: "http",
      scope: "global",
      status: ds("joined"),
      endpoints: [
        { application: "lb", name: "back", role: "requirer", subordinate: false },
        { application: "web", name: "website", role: "provider", subordinate: false },
      ],
    },
  ],
  "controller-timestamp": "2025-06-09T12:11:53.000Z",
  branches: {},
  storage: [],
  filesystems: [],
  volumes: [],
};
const document = statusDocument(full, { controller: "lxd", utc: true });

describe("status", () => {
  test("in tables, as juju draws them", () => {
    expect(`\n${tabularStatus(document, full, { relations: true })}`).toBe(`
Model  Controller  Cloud/Region         Version  Timestamp
t      lxd         localhost/localhost  3.6.11   12:11:53Z

App   Version  Status   Scale  Charm  Channel        Rev  Exposed  Message
nrpe           blocked      1  nrpe   latest/stable  165  no       Nagios server not configured or related
web   1.2.3    active     1/2  web                     0  yes      ready

Unit       Workload  Agent       Machine  Public address  Ports          Message
web/0*     active    idle        1        10.103.56.99    80,443/tcp     ready
  nrpe/0*  blocked   executing            10.103.56.99    icmp 5666/tcp  (install) Nagios server not ...
web/1      waiting   allocating  2                                       waiting for machine

Machine  State    Address       Inst id        Base          AZ  Message
1        started  10.103.56.99  juju-663cb8-1  ubuntu@24.04      Running
2        pending                pending        ubuntu@24.04      Retrieving image

Integration provider  Requirer   Interface  Type     Message
web:peers             web:peers  web-peers  peer
web:website           lb:back    http       regular
`);
  });

  test("as a document, without keys that say nothing", () => {
    expect(document.applications["web"]).toEqual({
      charm: "local:web-0",
      base: { name: "ubuntu", channel: "24.04" },
      "charm-origin": "local",
      "charm-name": "web",
      "charm-rev": 0,
      exposed: true,
      "application-status": { current: "active", message: "ready", since: "2025-06-09 11:14:50Z" },
      relations: {
        peers: [{ "related-application": "web", interface: "web-peers", scope: "global" }],
        website: [{ "related-application": "lb", interface: "http", scope: "global" }],
      },
      version: "1.2.3",
      units: {
        "web/0": {
          "workload-status": { current: "active", message: "ready", since: "2025-06-09 11:14:50Z" },
          "juju-status": { current: "idle", since: "2025-06-09 11:14:50Z" },
          leader: true,
          machine: "1",
          "open-ports": ["80/tcp", "443/tcp"],
          "public-address": "10.103.56.99",
          subordinates: {
            "nrpe/0": {
              "workload-status": {
                current: "blocked",
                message: "Nagios server not ...",
                since: "2025-06-09 11:14:50Z",
              },
              "juju-status": {
                current: "executing",
                message: "running install hook",
                since: "2025-06-09 11:14:50Z",
              },
              leader: true,
              "open-ports": ["icmp", "5666/tcp"],
              "public-address": "10.103.56.99",
            },
          },
        },
        "web/1": {
          "workload-status": {
            current: "waiting",
            message: "waiting for machine",
            since: "2025-06-09 11:14:50Z",
          },
          "juju-status": { current: "allocating", since: "2025-06-09 11:14:50Z" },
          machine: "2",
        },
      },
    });
    expect(document.applications["nrpe"]).toMatchObject({
      charm: "nrpe",
      "charm-origin": "charmhub",
      "charm-rev": 165,
      "subordinate-to": ["web"],
    });
    expect(document.applications["nrpe"]).not.toHaveProperty("units");
    expect(document).toMatchObject({
      storage: {},
      controller: { timestamp: "12:11:53Z" },
      model: { name: "t", type: "iaas", controller: "lxd", cloud: "localhost", region: "localhost" },
    });
  });

  test("a line per unit", () => {
    expect(shortStatus(document)).toBe(
      "- web/0: 10.103.56.99 (agent:idle, workload:active) 80,443/tcp\n" +
        "  - nrpe/0: 10.103.56.99 (agent:executing, workload:blocked) icmp 5666/tcp\n" +
        "- web/1:  (agent:allocating, workload:waiting)\n",
    );
  });

  test("in numbers", () => {
    expect(summaryStatus(document)).toContain("# Units  2\nactive   1\nwaiting  1\n");
  });

  test.each([
    [[], ""],
    [["80/tcp"], "80/tcp"],
    [["80/tcp", "443/tcp", "5666/udp"], "80,443/tcp 5666/udp"],
    [["8000-8010/tcp", "icmp"], "8000-8010/tcp icmp"],
  ])("ports %j are grouped as %j", (ports, text) => expect(portsText(ports)).toBe(text));

  test("long versions are cut, colours only where they are painted", () => {
    const long = structuredClone(document);
    if (long.applications["web"]) long.applications["web"].version = "1.36.3-cantrip.12345";
    expect(tabularStatus(long, full)).toContain("1.36.3-cantrip....");
    expect(tabularStatus(document, full, { paint: (colour, text) => `<${colour}>${text}` })).toContain(
      "<green>active",
    );
  });
});
