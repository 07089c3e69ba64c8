/** completion, and the commands of the reference that do not exist here yet: named, and refused. */
import type { Command } from "commander";
import { UserError } from "../errors.ts";

const NOT_YET = [
  "inspect",
  "list-images",
  "helm",
  "generate-docs",
  "x-print-shim-pids",
  "x-snapd-config",
  "x-wait-for",
  "x-capi",
  "x-cleanup",
];

export function restCommands(program: Command): void {
  for (const name of NOT_YET)
    program
      .command(name, { hidden: name.startsWith("x-") || name === "generate-docs" })
      .description("not implemented yet")
      .helpOption(false)
      .allowUnknownOption()
      .allowExcessArguments()
      .action(() => {
        throw new UserError(`${name} is not implemented yet in this version of the node package`);
      });
  program
    .command("completion")
    .argument("<shell>", "bash")
    .description("print a completion script for a shell")
    .action((shell: string) => {
      if (shell !== "bash")
        throw new UserError(`Cannot complete for ${JSON.stringify(shell)}: only bash is supported`);
      process.stdout.write(bashCompletion(program));
    });
}

function bashCompletion(program: Command): string {
  const names = program.commands.map((command) => command.name()).filter((name) => !name.startsWith("x-"));
  return `_k8s() {
  [ "$COMP_CWORD" -eq 1 ] && COMPREPLY=($(compgen -W "${names.join(" ")} help" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _k8s k8s
`;
}
