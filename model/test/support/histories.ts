/** How many random histories a test draws: more of them on demand, by CANTRIP_HISTORIES. A failing one prints its seed. */
export function histories(usual: number): { readonly numRuns: number; readonly timeout: number } {
  const numRuns = Number(process.env["CANTRIP_HISTORIES"] ?? usual);
  return { numRuns, timeout: 20_000 + numRuns * 1_000 };
}
