import type { HookTools } from "../tools/tools.ts";
import type { Status, StatusReport } from "../tools/types.ts";

/** The application of this unit. */
export class Application {
  readonly name: string;
  readonly #tools: HookTools;

  /** @internal */
  constructor(name: string, tools: HookTools) {
    this.name = name;
    this.#tools = tools;
  }

  /** @throws NotLeader */
  status(): Promise<StatusReport> {
    return this.#tools.status("app");
  }

  /** @throws NotLeader */
  setStatus(status: Status): Promise<void> {
    return this.#tools.setStatus("app", status);
  }

  /** How many units the operator wants: those present or coming, not those going. */
  async plannedUnits(): Promise<number> {
    const { units = {} } = await this.#tools.goalState();
    return Object.values(units).filter(({ status }) => status !== "dying").length;
  }
}
