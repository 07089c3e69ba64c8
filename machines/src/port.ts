/**
 * The port: what any provider of machines must do, and the values that pass through it.
 * The contract suite (test/contract.ts) is its meaning; every provider passes it.
 */
import type { Readable } from "node:stream";

/** A file that is in the machine before its first boot. Owner root; missing folders are made. */
export interface MachineFile {
  path: string;
  content: string | Uint8Array;
  /** Permission bits, 0o644 unless told. */
  mode?: number;
}

/** A host folder or file that the machine sees at `target`. */
export interface MachineBind {
  source: string;
  target: string;
  readOnly?: boolean;
}

/** Upper bounds for the whole machine; what is absent is not bounded. */
export interface MachineLimits {
  memoryBytes?: number;
  cpus?: number;
  tasks?: number;
}

export interface MachineSpec {
  /** Host name of the machine: a DNS label, lower case, at most 63 characters. */
  name: string;
  /** Address inside the instance's subnet; the lowest free one unless told. */
  address?: string;
  files?: readonly MachineFile[];
  binds?: readonly MachineBind[];
  limits?: MachineLimits;
}

/** `starting`: its process is there, its PID 1 is not yet. `running` says nothing about boot: see waitBooted. */
export type MachineState = "stopped" | "starting" | "running";

export interface Machine {
  name: string;
  address: string;
  machineId: string;
  createdAt: string;
  state: MachineState;
  /** What was last asked for, so that a machine that died (`stopped`, desired `up`) is told from one that was stopped. */
  desired: "up" | "down";
  /** Host process id of the machine's PID 1, while it runs. */
  leaderPid?: number;
  /** How the last run ended, if it did. */
  lastExit?: { code: number; at: string };
}

export interface ExecOptions {
  stdin?: string | Uint8Array | Readable;
  onStdout?: (chunk: Buffer) => void;
  onStderr?: (chunk: Buffer) => void;
  /** Kills the command and throws MachineTimeout. Unbounded unless told. */
  timeoutMs?: number;
  env?: Readonly<Record<string, string>>;
  cwd?: string;
  /** A user of the machine; root unless told. */
  user?: string;
  signal?: AbortSignal;
}

/** `stdout` and `stderr` are empty where a callback took them. A command killed by signal N has exit code 128+N. */
export interface ExecResult {
  exitCode: number;
  stdout: string;
  stderr: string;
}

export type MachineEvent =
  | { kind: "started"; name: string }
  | { kind: "rebooted"; name: string }
  /** `expected` is false for a machine that died without being asked to stop. */
  | { kind: "stopped"; name: string; expected: boolean; code?: number };

export interface BootReport {
  /** systemd's word: `running`, or `degraded` with the names of the failed units. */
  state: string;
  failedUnits: readonly string[];
}

export interface Machines {
  /** Makes host network, rules, limits and image ready. Idempotent. */
  prepare(): Promise<void>;
  create(spec: MachineSpec): Promise<Machine>;
  /** Returns once the machine's PID 1 runs. Does nothing if it runs already. */
  start(name: string): Promise<Machine>;
  /** Asks it to power off; kills it when `timeoutMs` (30 s unless told) is over. */
  stop(name: string, options?: { timeoutMs?: number }): Promise<void>;
  /** Cuts the power. */
  kill(name: string): Promise<void>;
  /** Kills it and removes its disk and every trace. Does nothing if there is no such machine. */
  destroy(name: string): Promise<void>;
  list(): Promise<Machine[]>;
  get(name: string): Promise<Machine | undefined>;
  exec(name: string, argv: readonly string[], options?: ExecOptions): Promise<ExecResult>;
  /** Copies a host file or folder to `target` (the copy's full path) in the running machine. */
  copyIn(name: string, source: string, target: string): Promise<void>;
  /** Copies a file or folder of the running machine to `target` (the copy's full path) on the host. */
  copyOut(name: string, source: string, target: string): Promise<void>;
  logs(name: string, options?: { lines?: number }): Promise<{ console: string; journal: string }>;
  waitBooted(name: string, options?: { timeoutMs?: number }): Promise<BootReport>;
  /** Calls back for every start, reboot and end from now on; the answer stops that. */
  watch(listener: (event: MachineEvent) => void): () => void;
  /** Ends and removes everything of this instance that a killed run may have left; keeps disks if told. */
  cleanup(options?: { keepDisks?: boolean }): Promise<void>;
  /** Undoes prepare. Machines must be stopped. */
  restore(): Promise<void>;
}
