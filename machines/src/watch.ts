/** Turns what list() says from time to time into events. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Machine, MachineEvent } from "./port.ts";

const intervalMs = 500;
/** While a machine starts: a reboot right after its boot must not fall between two looks. */
const startingIntervalMs = 50;

export function watchMachines(
  list: () => Promise<Machine[]>,
  listener: (event: MachineEvent) => void,
): () => void {
  const stop = new AbortController();
  void follow(list, listener, stop.signal);
  return () => stop.abort();
}

async function follow(
  list: () => Promise<Machine[]>,
  listener: (event: MachineEvent) => void,
  signal: AbortSignal,
): Promise<void> {
  let before: readonly Machine[] | undefined;
  while (!signal.aborted) {
    const now = await settled(list, before).catch(() => before ?? []);
    if (signal.aborted) return;
    if (before) for (const event of changes(before, now)) listener(event);
    before = now;
    const pauseMs = now.some(({ state }) => state === "starting") ? startingIntervalMs : intervalMs;
    await sleep(pauseMs, undefined, { signal, ref: false }).catch(() => undefined);
  }
}

/** A machine that seems to have died is looked at twice: a reboot has an instant without any process. */
async function settled(
  list: () => Promise<Machine[]>,
  before: readonly Machine[] | undefined,
): Promise<readonly Machine[]> {
  const now = await list();
  const died = changes(before ?? [], now).some((event) => event.kind === "stopped" && !event.expected);
  if (!died) return now;
  await sleep(300, undefined, { ref: false });
  return await list();
}

/** What happened between two looks. Pure. `starting` is between: a reboot passes through it, and so does a start. */
export function changes(before: readonly Machine[], now: readonly Machine[]): MachineEvent[] {
  const names = new Set([...before, ...now].map(({ name }) => name));
  return [...names].flatMap((name): MachineEvent[] => {
    const [was, is] = [before, now].map((machines) => machines.find((machine) => machine.name === name));
    const ran = was !== undefined && was.state !== "stopped";
    const runs = is !== undefined && is.state !== "stopped";
    if (!ran && runs) return [{ kind: "started", name }];
    if (ran && !runs) return [stopped(name, is)];
    // Its whole run lay between the two looks: only its end is on record.
    if (is !== undefined && !runs && is.lastExit !== undefined && is.lastExit.at !== was?.lastExit?.at)
      return was === undefined ? [] : [{ kind: "started", name }, stopped(name, is)];
    const replaced = was?.leaderPid !== undefined && is?.leaderPid !== was.leaderPid;
    return ran && runs && replaced ? [{ kind: "rebooted", name }] : [];
  });
}

function stopped(name: string, is: Machine | undefined): MachineEvent {
  const code = is?.lastExit?.code;
  return {
    kind: "stopped",
    name,
    expected: is === undefined || is.desired === "down",
    ...(code === undefined ? {} : { code }),
  };
}
