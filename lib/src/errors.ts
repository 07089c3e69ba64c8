import type { ToolResult } from "./tools/runner.ts";

/** A hook tool that did not do what it was asked. */
export class ToolError extends Error {
  override readonly name: string = "ToolError";
  readonly argv: readonly string[];
  readonly exitCode: number;
  readonly stderr: string;

  /** @internal */
  constructor({ argv, exitCode, stderr }: Pick<ToolResult, "argv" | "exitCode" | "stderr">) {
    const reason = stderr
      .trim()
      .split("\n")
      .at(-1)
      ?.replace(/^ERROR /, "");
    super(`${argv[0]} exited with ${exitCode}: ${reason || "it printed no reason"}`);
    this.argv = argv;
    this.exitCode = exitCode;
    this.stderr = stderr;
  }
}

/** The relation is gone, or going: Juju no longer lets this unit see it. */
export class RelationNotFound extends ToolError {
  override readonly name = "RelationNotFound";
}

/** The secret does not exist, or was not granted to this unit, or no longer is; of secrets of users Juju says PermissionDenied then. */
export class SecretNotFound extends ToolError {
  override readonly name = "SecretNotFound";
}

/** What only the leader may do was tried by another unit. */
export class NotLeader extends ToolError {
  override readonly name = "NotLeader";
}

/** Juju refused access to something that exists. */
export class PermissionDenied extends ToolError {
  override readonly name = "PermissionDenied";
}

/** A databag that this unit may not read or write; found before Juju was asked. */
export class RelationAccessError extends Error {
  override readonly name = "RelationAccessError";
  readonly relation: string;
  readonly entity: string;

  /** @internal */
  constructor({
    relation,
    entity,
    attempt,
    reason,
  }: {
    relation: string;
    entity: string;
    attempt: "read" | "write";
    reason: string;
  }) {
    super(`Cannot ${attempt} the databag of "${entity}" in relation ${relation}: ${reason}`);
    this.relation = relation;
    this.entity = entity;
  }
}

/** A databag takes strings by name, nothing else. */
export class RelationTypeError extends TypeError {
  override readonly name = "RelationTypeError";
  readonly key: string;

  /** @internal */
  constructor(relation: string, key: string, reason: string) {
    super(`Cannot write key "${key}" in relation ${relation}: ${reason}`);
    this.key = key;
  }
}

/** A name that the charm's own files do not define: a mistake in the charm. */
export class UnknownName extends Error {
  override readonly name = "UnknownName";

  /** @internal */
  constructor(kind: string, given: string, known: readonly string[]) {
    const list =
      known.length === 0 ? "it defines none" : `it defines ${known.map((name) => `"${name}"`).join(", ")}`;
    super(`The charm has no ${kind} "${given}": ${list}`);
  }
}

/** Content that Juju would not take for a secret. */
export class SecretContentError extends Error {
  override readonly name = "SecretContentError";
  readonly key: string | undefined;

  /** @internal */
  constructor(reason: string, key?: string) {
    super(`Cannot use this as the content of a secret: ${reason}`);
    this.key = key;
  }
}

/** Ends the dispatch at once with an exit code; what was stored in this dispatch is dropped. */
export class EndDispatch extends Error {
  override readonly name = "EndDispatch";
  readonly exitCode: number;

  constructor(exitCode: number) {
    super(`The charm ends this dispatch with exit code ${exitCode}`);
    this.exitCode = exitCode;
  }
}

/** The class of decision that a failed tool asks for. */
export function toolError(result: ToolResult): ToolError {
  const { argv, stderr } = result;
  const isSecretTool = argv[0]?.startsWith("secret-") ?? false;
  if (/relation not found/i.test(stderr)) return new RelationNotFound(result);
  if (/not the leader|cannot write relation settings/i.test(stderr)) return new NotLeader(result);
  if (isSecretTool && /not found/i.test(stderr)) return new SecretNotFound(result);
  if (/permission denied|access denied/i.test(stderr)) return new PermissionDenied(result);
  return new ToolError(result);
}
