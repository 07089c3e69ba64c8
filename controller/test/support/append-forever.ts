/** Appends commands of three events each, and prints a line for each that was answered, until it is killed. */
import { writeSync } from "node:fs";
import { openDatabase } from "../../src/store/database.ts";
import { EventLog } from "../../src/store/event-log.ts";

const log = new EventLog(openDatabase(process.argv[2] ?? ""));
const [model] = log.models();
for (let n = 0; ; n++) {
  const event = { type: "model-config-set", set: { n }, reset: [] } as const;
  const recorded = { at: n, cause: { by: "user", command: "set-model-config" }, event } as const;
  log.append(model?.uuid ?? "", [recorded, recorded, recorded]);
  writeSync(1, `${n}\n`);
}
