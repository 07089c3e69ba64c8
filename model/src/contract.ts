/** What callers of the model provide and get, beside commands and state. */
import type { HookChanges } from "./hook-changes.ts";

/** Where a hook finds its things on its machine, for `hookEnvironment`. */
export interface HookPaths {
  readonly charmDir: string;
  readonly toolsDir: string;
  readonly socket: string;
  readonly contextId: string;
  readonly apiAddresses: readonly string[];
  /** agent version, `3.6.11` */
  readonly version: string;
  /** PATH of the agent */
  readonly path: string;
}

/** Immediate effects and late reads of hook tools: the agent asks the controller, lib/testing answers in memory. */
export interface HookEffects {
  setStatus(e: { application: boolean; status: string; message: string }): Promise<void>;
  setWorkloadVersion(version: string): Promise<void>;
  log(level: string, message: string): Promise<void>;
  isLeader(): Promise<boolean>;
  /** @throws ModelError */
  secretContent(e: {
    id?: string;
    label?: string;
    mode: "tracked" | "peek" | "refresh";
    newLabel?: string;
  }): Promise<{ id: string; revision: number; content: Record<string, string> }>;
  resourcePath(name: string): Promise<string>;
  actionLog(message: string): Promise<void>;
  /** 20 characters, never used before */
  newSecretId(): string;
  /** legacy `leader-set`; without it the tool is refused */
  setLeaderSettings?(settings: Record<string, string>): Promise<void>;
  readFile(path: string): Promise<string>;
  /** `-o FILE`; without it that option is refused */
  writeFile?(path: string, text: string): Promise<void>;
  now(): number;
}

/** What a running hook has buffered; plain JSON, journalled by the agent after each tool. */
export interface HookBuffer {
  changes: HookChanges;
  action: { results: Record<string, unknown>; failed?: string };
  /** what immediate tools said, for later ones of the same hook */
  told?: Told;
}

export interface Told {
  /** once a hook has heard that its unit does not lead, that stays so until its end */
  notLeader?: boolean;
  unitStatus?: { status: string; message: string };
  applicationStatus?: { status: string; message: string };
  leaderSettings?: Record<string, string>;
}

export interface ToolResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}
