export function machineTag(machine: string): string {
  return `machine-${machine.replaceAll("/", "-")}`;
}
