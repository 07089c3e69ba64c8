/** Which of a binding's addresses the node is known by. */
import { isIPv4, isIPv6 } from "node:net";

/** The first IPv4 address that others can reach, else the first such IPv6 address. */
export function nodeAddress(binding: {
  ingressAddresses: readonly string[];
  bindAddress: string | undefined;
}): string | undefined {
  const candidates = [...binding.ingressAddresses, ...(binding.bindAddress ? [binding.bindAddress] : [])];
  const usable = candidates.filter((address) => !/^(127\.|169\.254\.|::1$|fe[89ab])/iu.test(address));
  return usable.find((address) => isIPv4(address)) ?? usable.find((address) => isIPv6(address));
}

/** `10.0.0.1:6400`, `[fd00::1]:6400`. */
export const endpoint = (address: string, port: number): string =>
  isIPv6(address) ? `[${address}]:${port}` : `${address}:${port}`;
