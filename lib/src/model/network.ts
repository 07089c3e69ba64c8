import type { NetworkInfo } from "../tools/types.ts";

/** An address of a device on this machine. */
export interface NetworkInterface {
  readonly name: string;
  readonly address: string;
  /** The subnet in CIDR notation, where it is known. */
  readonly subnet: string | undefined;
}

/** Where an endpoint is reached, and where its traffic comes from. */
export interface Binding {
  readonly bindAddress: string | undefined;
  readonly ingressAddress: string | undefined;
  readonly ingressAddresses: readonly string[];
  readonly egressSubnets: readonly string[];
  readonly interfaces: readonly NetworkInterface[];
}

export function bindingOf(info: NetworkInfo): Binding {
  const interfaces = (info["bind-addresses"] ?? []).flatMap((device) =>
    (device.addresses ?? []).map(({ value, hostname, cidr }) => ({
      name: device["interface-name"] ?? "",
      address: value || hostname || "",
      subnet: cidr || undefined,
    })),
  );
  const ingressAddresses = info["ingress-addresses"] ?? [];
  return {
    bindAddress: interfaces[0]?.address,
    ingressAddress: ingressAddresses[0] ?? interfaces[0]?.address,
    ingressAddresses,
    egressSubnets: info["egress-subnets"] ?? [],
    interfaces,
  };
}
