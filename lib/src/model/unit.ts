import { EndDispatch } from "../errors.ts";
import type { HookTools } from "../tools/tools.ts";
import type { Status, StatusReport } from "../tools/types.ts";
import { Answers } from "./answers.ts";

/** How long a `true` of is-leader is good for. */
const leaseMs = 30_000;

/** Milliseconds that only grow. */
export type Clock = () => number;

/** The unit that this program runs for. */
export class Unit {
  readonly name: string;
  readonly #tools: HookTools;
  readonly #clock: Clock;
  #leader: { readonly answers: Answers<boolean>; readonly since: number } | undefined;

  /** @internal */
  constructor(name: string, { tools, clock }: { tools: HookTools; clock: Clock }) {
    this.name = name;
    this.#tools = tools;
    this.#clock = clock;
  }

  /** Whether it leads its application; a `true` holds for 30 s and is asked again after that. */
  isLeader(): Promise<boolean> {
    const now = this.#clock();
    if (this.#leader === undefined || now - this.#leader.since >= leaseMs)
      this.#leader = { answers: new Answers(), since: now };
    return this.#leader.answers.get(this.name, () => this.#tools.isLeader());
  }

  /** The status as Juju has it, also one that an earlier hook set. */
  status(): Promise<StatusReport> {
    return this.#tools.status("unit");
  }

  /** Shows at once, and stays even if the hook fails. */
  setStatus(status: Status): Promise<void> {
    return this.#tools.setStatus("unit", status);
  }

  /** The version of the workload, as `status` shows it for the application. */
  setWorkloadVersion(version: string): Promise<void> {
    return this.#tools.setWorkloadVersion(version);
  }

  /** The address at which clients outside the model reach the unit. */
  publicAddress(): Promise<string> {
    return this.#tools.unitAddress("public-address");
  }

  /** The address at which other units reach the unit; for one endpoint ask `model.binding`. */
  privateAddress(): Promise<string> {
    return this.#tools.unitAddress("private-address");
  }

  /** `6443/tcp`, `8000-8100/udp`, `icmp`. */
  openPort(port: string): Promise<void> {
    return this.#tools.openPort(port);
  }

  /** The opposite of `openPort`, in the same notation; a port that is not open is no error. */
  closePort(port: string): Promise<void> {
    return this.#tools.closePort(port);
  }

  /** Committed ones: what this hook opens shows up in the next. */
  openedPorts(): Promise<readonly string[]> {
    return this.#tools.openedPorts();
  }

  /** Opens what is missing and closes what is surplus. */
  async setPorts(...ports: readonly string[]): Promise<void> {
    const [open, wanted] = [await this.openedPorts(), ports.map(asListed)];
    for (const port of wanted.filter((each) => !open.includes(each))) await this.openPort(port);
    for (const port of open.filter((each) => !wanted.includes(each))) await this.closePort(port);
  }

  /**
   * Reboots the machine after this hook, or `now`: then the dispatch ends here, and its hook runs again afterwards.
   * @throws EndDispatch if now; where Juju ends the hook's process by itself, it does not come to that
   */
  async reboot({ now = false } = {}): Promise<void> {
    await this.#tools.reboot({ now });
    if (now) throw new EndDispatch(0);
  }
}

/** As `opened-ports` lists it: `80` is `80/tcp`, `80-80/TCP` as well. What is no port is for Juju to refuse. */
function asListed(port: string): string {
  const [, from, to = from, protocol = "tcp"] =
    /^(\d+)(?:-(\d+))?(?:\/(\w+))?$/.exec(port.toLowerCase()) ?? [];
  if (from === undefined) return port.toLowerCase();
  return `${from === to ? from : `${from}-${to}`}/${protocol}`;
}
