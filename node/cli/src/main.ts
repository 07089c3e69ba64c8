/** The command `k8s` of a node. */
import { Command, CommanderError } from "commander";
import { certificateCommands } from "./commands/certificates.ts";
import { clusterCommands } from "./commands/cluster.ts";
import { configCommands } from "./commands/config.ts";
import { inspectCommand } from "./commands/inspect.ts";
import { kubernetesCommands } from "./commands/kubernetes.ts";
import { recoveryCommands } from "./commands/recovery.ts";
import { restCommands } from "./commands/rest.ts";
import { statusCommands } from "./commands/status.ts";

const program = new Command("k8s")
  .description("Kubernetes on this machine")
  .enablePositionalOptions()
  .showHelpAfterError("(see k8s --help)")
  .exitOverride();
statusCommands(program);
clusterCommands(program);
configCommands(program);
kubernetesCommands(program);
certificateCommands(program);
recoveryCommands(program);
inspectCommand(program);
restCommands(program);

try {
  await program.parseAsync();
} catch (error) {
  // The parser has said what was wrong already; help asked for is no failure.
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : 1;
  else {
    process.stderr.write(`Error: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  }
}
