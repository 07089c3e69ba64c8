/** The `cantrip` command: the controller's client, and the commands that know the whole: `up`, `down`, `kubectl`, `image`. */
import { runProgram } from "@cantrip/controller/command";
import { clientDirectory } from "./client.ts";
import { addUpCommands } from "./commands.ts";
import { invoker } from "./invoker.ts";

// Under sudo the controller that a person knows is the one that root sees.
if (process.env["SUDO_UID"] !== undefined) process.env["CANTRIP_DATA"] = clientDirectory(invoker());

if (process.argv[2] === "kubectl") {
  // Everything after the word is kubectl's, also its options; nothing of the command tree is loaded.
  const { findKubectl, runKubectl } = await import("./kubectl.ts");
  try {
    process.exitCode = await runKubectl(findKubectl(clientDirectory(invoker())), process.argv.slice(3));
  } catch (error) {
    process.stderr.write(`ERROR ${(error as Error).message}\n`);
    process.exitCode = 1;
  }
} else {
  process.exitCode = await runProgram(process.argv.slice(2), { extra: addUpCommands });
}
