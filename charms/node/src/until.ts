/** Waits have a name and a bound; charms use them only where the awaited is due in moments. */
export class WaitedTooLong extends Error {
  override readonly name = "WaitedTooLong";
}

/** @throws WaitedTooLong */
export async function until(
  what: string,
  isSo: () => Promise<boolean>,
  { timeoutMs, everyMs = 100 }: { timeoutMs: number; everyMs?: number },
): Promise<void> {
  const end = performance.now() + timeoutMs;
  while (!(await isSo())) {
    if (performance.now() > end)
      throw new WaitedTooLong(`Waited ${timeoutMs / 1000} s in vain until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
}
