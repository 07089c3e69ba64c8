/** The time by which the daemon judges and issues: tokens, certificates, joins. A test sets it ahead, or behind. */

/** Milliseconds since the epoch. */
export const now = (): number => Date.now() + Number(process.env["K8SD_CLOCK_AHEAD_MS"] ?? 0);
