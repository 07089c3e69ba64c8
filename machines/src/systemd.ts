/** Whether the host's service manager is systemd, as sd_booted(3) tells. */
import { lstat } from "node:fs/promises";

export const onSystemd = async (): Promise<boolean> =>
  (await lstat("/run/systemd/system").catch(() => undefined)) !== undefined;
