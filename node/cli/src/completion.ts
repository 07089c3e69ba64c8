/** Completion scripts for bash, zsh and fish, made of the commands as they are. */
import { FEATURES, userFacingClusterConfigSchema } from "@cantrip/metadata/k8sd";
import type { Command } from "commander";

export const SHELLS = ["bash", "zsh", "fish"] as const;
export type Shell = (typeof SHELLS)[number];

interface Entry {
  readonly name: string;
  readonly about: string;
  /** Options, sub-commands, and what its arguments may be. */
  readonly words: readonly string[];
}

/** Every key that `get` and `set` know. */
export const configKeys = (): string[] =>
  Object.entries(userFacingClusterConfigSchema.properties ?? {}).flatMap(([section, { properties }]) => [
    section,
    ...Object.keys(properties ?? {}).map((key) => `${section}.${key}`),
  ]);

const ARGUMENTS: Readonly<Record<string, () => readonly string[]>> = {
  enable: () => FEATURES,
  disable: () => FEATURES,
  get: configKeys,
  set: () => configKeys().map((key) => `${key}=`),
  completion: () => SHELLS,
};

const entriesOf = (program: Command): Entry[] =>
  program.commands
    .filter((command) => !command.name().startsWith("x-"))
    .map((command) => ({
      name: command.name(),
      about: command.description(),
      words: [
        ...command.options.map(({ long }) => long ?? "").filter(Boolean),
        "--help",
        ...command.commands.map((sub) => sub.name()),
        ...(ARGUMENTS[command.name()]?.() ?? []),
      ],
    }));

export function completionScript(shell: Shell, program: Command): string {
  const entries = entriesOf(program);
  return shell === "fish"
    ? fish(entries)
    : shell === "zsh"
      ? `#compdef k8s\nautoload -U +X bashcompinit && bashcompinit\n${bash(entries)}`
      : bash(entries);
}

function bash(entries: readonly Entry[]): string {
  const cases = entries.map(({ name, words }) => `    ${name}) words="${words.join(" ")}" ;;`).join("\n");
  return `_k8s() {
  local current="\${COMP_WORDS[COMP_CWORD]}" words=""
  if [ "$COMP_CWORD" -eq 1 ]; then
    words="${entries.map(({ name }) => name).join(" ")} help"
  else
    case "\${COMP_WORDS[1]}" in
${cases}
    esac
  fi
  COMPREPLY=($(compgen -W "$words" -- "$current"))
  case "\${COMPREPLY[0]-}" in *=) compopt -o nospace 2>/dev/null || true ;; esac
}
complete -o default -F _k8s k8s
`;
}

const quoted = (text: string) => `'${text.replaceAll("'", "\\'")}'`;

function fish(entries: readonly Entry[]): string {
  const lines = entries.flatMap(({ name, about, words }) => [
    `complete -c k8s -n __fish_use_subcommand -f -a ${name} -d ${quoted(about)}`,
    `complete -c k8s -n '__fish_seen_subcommand_from ${name}' -a ${quoted(words.join(" "))}`,
  ]);
  return `${lines.join("\n")}\n`;
}
