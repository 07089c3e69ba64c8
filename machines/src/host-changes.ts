/**
 * What we change on the host, and how it is put back. A change is written down before it is made. Kernel settings belong
 * to the whole host, so instances share one record of the values that were there before the first of them
 * (/run/cantrip, gone with the boot that it is about): the last one to leave puts them back. Where the shared record is
 * lost, an instance's own copy stands in for it, but says nothing of the others: they may have left since.
 */
import { mkdir, readdir, rm, rmdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { readJson, readText, writeAtomic } from "./files.ts";
import { withLock } from "./lock.ts";
import { bootId } from "./proc.ts";
import { run } from "./run.ts";

export interface HostRecord {
  bootId: string;
  /** Instances that need the changes. */
  users: string[];
  /** Values from before the first change of ours; `to` is what we set, and stands only where we set something. */
  sysctls: Record<string, { from: string; to?: string }>;
  /** Kernel modules that we loaded. */
  modules: string[];
}

/** What is raised or switched on, and to which value at least. */
export const wantedSysctls: Readonly<Record<string, number>> = {
  "net.ipv4.ip_forward": 1,
  "fs.inotify.max_user_instances": 8192,
  "fs.inotify.max_user_watches": 1_048_576,
};

/** Kernel-wide settings that kubelets and kube-proxies in machines write: we only remember and put back. */
export const touchedSysctls = [
  "vm.overcommit_memory",
  "vm.panic_on_oom",
  "kernel.panic",
  "kernel.panic_on_oops",
  "kernel.keys.root_maxkeys",
  "kernel.keys.root_maxbytes",
  "net.netfilter.nf_conntrack_max",
  "net.netfilter.nf_conntrack_tcp_timeout_established",
  "net.netfilter.nf_conntrack_tcp_timeout_close_wait",
] as const;

export const wantedModules = [
  "overlay",
  "bridge",
  "veth",
  "nf_tables",
  "nft_masq",
  "nft_chain_nat",
  "nf_conntrack",
  "vxlan",
] as const;

const folder = "/run/cantrip/host";
const shared = join(folder, "changes.json");
const sysctlPath = (key: string): string => join("/proc/sys", ...key.split("."));

export async function readSysctl(key: string): Promise<string | undefined> {
  return (await readText(sysctlPath(key)))?.trim();
}

/** The settings that are below what machines need, with their present value. */
export async function sysctlsToRaise(
  wanted = wantedSysctls,
): Promise<{ key: string; from: string; to: string }[]> {
  const found = await Promise.all(
    Object.entries(wanted).map(async ([key, least]) => ({ key, least, from: await readSysctl(key) })),
  );
  return found.flatMap(({ key, least, from }) =>
    from !== undefined && Number(from) < least ? [{ key, from, to: `${least}` }] : [],
  );
}

/** Records, then changes. `localRecord` is the copy in the instance's own state. */
export async function applyHostChanges(
  id: string,
  localRecord: string,
  wanted = wantedSysctls,
): Promise<void> {
  await withLock("host", async () => {
    await mkdir(folder, { recursive: true });
    const record = await current(id, localRecord);
    record.users = [...new Set([...record.users, id])];
    record.modules = [...new Set([...record.modules, ...(await missingModules())])];
    for (const key of touchedSysctls) await remember(record, key);
    const raised = await sysctlsToRaise(wanted);
    for (const { key, from, to } of raised)
      record.sysctls[key] = { from: record.sysctls[key]?.from ?? from, to };
    await save(record, localRecord);
    for (const module of record.modules)
      await run(["modprobe", module], { timeoutMs: 20_000 }).catch(() => undefined);
    for (const { key, to } of raised) await writeFile(sysctlPath(key), to);
  });
}

async function remember(record: HostRecord, key: string): Promise<void> {
  const from = await readSysctl(key);
  if (from !== undefined) record.sysctls[key] ??= { from };
}

/** Puts the host back, if no other instance needs it as it is. */
export async function undoHostChanges(id: string, localRecord: string): Promise<void> {
  await withLock("host", async () => {
    const record = await current(id, localRecord);
    record.users = record.users.filter((user) => user !== id);
    if (record.users.length > 0) await save(record, localRecord);
    else await putBack(record);
    await rm(localRecord, { force: true });
  });
}

async function putBack(record: HostRecord): Promise<void> {
  for (const [key, { from, to }] of Object.entries(record.sysctls)) {
    const now = await readSysctl(key);
    // Somebody else set it after us: then it is theirs.
    const isOurs = to === undefined || now === to;
    if (now !== undefined && now !== from && isOurs)
      await writeFile(sysctlPath(key), from).catch(() => undefined);
  }
  for (const module of record.modules.toReversed())
    await run(["modprobe", "--remove", module], { timeoutMs: 20_000 }).catch(() => undefined);
  await rm(folder, { recursive: true, force: true });
  // The controller and others have things there: it goes only when it is empty.
  await rmdir(dirname(folder)).catch(() => undefined);
}

/** The record of this boot: kernel settings do not survive one, so an older record says nothing. */
async function current(id: string, localRecord: string): Promise<HostRecord> {
  const boot = await bootId();
  const record = await readJson<HostRecord>(shared);
  if (record?.bootId === boot) return record;
  const own = await readJson<HostRecord>(localRecord);
  if (own?.bootId === boot) return { ...own, users: [id] };
  return { bootId: boot, users: [], sysctls: {}, modules: [] };
}

async function save(record: HostRecord, localRecord: string): Promise<void> {
  const text = `${JSON.stringify(record, undefined, 2)}\n`;
  await mkdir(dirname(localRecord), { recursive: true });
  await writeAtomic(localRecord, text);
  await writeAtomic(shared, text);
}

/** Modules that exist as such for this kernel and are not loaded; a kernel without modules has none. */
async function missingModules(): Promise<string[]> {
  const loaded = await readText("/proc/modules");
  if (loaded === undefined) return [];
  const here = new Set(await readdir("/sys/module").catch(() => []));
  return wantedModules.filter((module) => !here.has(module) && !loaded.includes(`${module} `));
}
