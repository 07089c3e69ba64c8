/** Scripts that complete commands and their options in a shell; made of the catalogue, so they need no controller. */
import { catalogue, type CommandSpec } from "../catalogue.ts";
import type { Run } from "../catalogue.ts";
import { UsageError } from "../errors.ts";

export const completion: Run = async ({ io }, [shell = ""]) => {
  if (shell !== "bash" && shell !== "zsh")
    throw new UsageError(`cannot complete in "${shell}": expected bash or zsh`);
  io.out(shell === "zsh" ? `autoload -U +X bashcompinit && bashcompinit\n${bashScript()}` : bashScript());
};

/** Commands of other houses that belong to the program. */
const elsewhere = ["up", "down", "help"];

function flagsOf({ options = [], scope, formats }: CommandSpec): string[] {
  const own = options.flatMap(({ flags }) => flags.match(/--[a-z-]+/g) ?? []);
  const scoped = scope === "none" ? [] : scope === "model" ? ["--model"] : ["--controller"];
  return [...own, ...scoped, ...(formats ? ["--format", "--output"] : []), "--help"];
}

function bashScript(): string {
  const names = [
    ...catalogue.flatMap(({ name, aliases = [] }) => [name, ...aliases]),
    ...elsewhere,
  ].toSorted();
  const cases = catalogue.map(
    (spec) => `    ${[spec.name, ...(spec.aliases ?? [])].join("|")}) words="${flagsOf(spec).join(" ")}" ;;`,
  );
  return [
    "_cantrip() {",
    '  local words current="${COMP_WORDS[COMP_CWORD]}"',
    '  if [ "$COMP_CWORD" -eq 1 ]; then',
    `    COMPREPLY=($(compgen -W "${names.join(" ")}" -- "$current"))`,
    "    return",
    "  fi",
    '  case "$current" in',
    "  -*) ;;",
    '  *) COMPREPLY=($(compgen -f -- "$current")); return ;;',
    "  esac",
    '  case "${COMP_WORDS[1]}" in',
    ...cases,
    '    *) words="--help" ;;',
    "  esac",
    '  COMPREPLY=($(compgen -W "$words" -- "$current"))',
    "}",
    "complete -F _cantrip cantrip",
    "",
  ].join("\n");
}
