/** The CNI configuration of a node: a point-to-point interface per pod, addresses from the node's own range. */
import { join } from "node:path";
import { writeIfChanged } from "../base/files.ts";
import type { Paths } from "../base/paths.ts";

const FILE = "10-cantrip.conflist";

export function cniConfig(podCidr: string, mtu: number): object {
  return {
    cniVersion: "1.0.0",
    name: "cantrip",
    plugins: [
      {
        type: "ptp",
        ipMasq: false,
        mtu,
        ipam: {
          type: "host-local",
          // Gone after a reboot like the pods that held the addresses; kept elsewhere they would leak.
          dataDir: "/run/cantrip/ipam",
          ranges: [[{ subnet: podCidr }]],
          routes: [{ dst: "0.0.0.0/0" }],
        },
      },
      { type: "portmap", backend: "nftables", capabilities: { portMappings: true } },
    ],
  };
}

/** containerd reads the file as soon as it appears. True if it changed. */
export const writeCniConfig = (paths: Paths, podCidr: string, mtu: number): Promise<boolean> =>
  writeIfChanged(join(paths.cniConfig, FILE), `${JSON.stringify(cniConfig(podCidr, mtu), undefined, 2)}\n`);

export const cniConfigFile = (paths: Paths) => join(paths.cniConfig, FILE);
