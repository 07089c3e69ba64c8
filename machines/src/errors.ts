/** One class per decision that a caller can take. */

/** The request itself is wrong: nothing was changed. */
export class MachineInvalid extends Error {
  override readonly name = "MachineInvalid";
}

export class MachineNotFound extends Error {
  override readonly name = "MachineNotFound";
  readonly machine: string;
  constructor(machine: string) {
    super(`There is no machine "${machine}": create it first`);
    this.machine = machine;
  }
}

/** The machine is there, but not in the state that the call needs. */
export class MachineNotRunning extends Error {
  override readonly name = "MachineNotRunning";
  readonly machine: string;
  constructor(machine: string, attempted: string) {
    super(`Cannot ${attempted} in machine "${machine}": it is not running; start it first`);
    this.machine = machine;
  }
}

export class MachineTimeout extends Error {
  override readonly name = "MachineTimeout";
  readonly waitedMs: number;
  constructor(what: string, waitedMs: number, detail = "") {
    super(`Gave up after ${waitedMs} ms waiting until ${what}${detail ? `: ${detail}` : ""}`);
    this.waitedMs = waitedMs;
  }
}

/** The host lacks what machines need: nothing was changed. */
export class HostUnfit extends Error {
  override readonly name = "HostUnfit";
  readonly findings: readonly { id: string; text: string; fix?: string }[];
  constructor(findings: readonly { id: string; text: string; fix?: string }[]) {
    const lines = findings.map(({ text, fix }) => `\n  ${text}${fix ? `: ${fix}` : ""}`);
    super(`This host cannot run machines, and nothing was changed:${lines.join("")}`);
    this.findings = findings;
  }
}

/** A host command failed. */
export class HostCommandFailed extends Error {
  override readonly name = "HostCommandFailed";
  readonly argv: readonly string[];
  readonly exitCode: number;
  constructor(argv: readonly string[], exitCode: number, output: string) {
    const tail = output.trim().split("\n").slice(-3).join("; ");
    super(`${argv.slice(0, 6).join(" ")} exited with ${exitCode}${tail ? `: ${tail}` : ""}`);
    this.argv = argv;
    this.exitCode = exitCode;
  }
}
