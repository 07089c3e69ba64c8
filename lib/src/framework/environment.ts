import { isAbsolute } from "node:path";
import { isEndpointName, isMachineId, isModelName, isStorageId, isUnitName } from "@cantrip/metadata";
import { looksLikeSecretId } from "../model/secret.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

/** What a variable may say; `expected` is for people. */
interface Grammar {
  readonly expected: string;
  fits(text: string): boolean;
}

export const grammars = {
  text: { expected: "a text", fits: () => true },
  path: { expected: "an absolute path", fits: isAbsolute },
  dispatchPath: {
    expected: '"hooks/NAME" or "actions/NAME"',
    fits: (text) => /^(?:hooks|actions)\/(?!\.{1,2}$)[^/]+$/.test(text),
  },
  unit: { expected: '"application/number"', fits: isUnitName },
  // In a relation to another model, applications have names that no one here may choose.
  remoteUnit: { expected: '"application/number"', fits: (text) => /^[^/\s]+\/\d+$/.test(text) },
  model: { expected: "lower-case letters, digits and hyphens", fits: isModelName },
  uuid: {
    expected: "a UUID",
    fits: (text) => /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(text),
  },
  version: { expected: 'a version such as "3.6.14"', fits: (text) => /^\d+\.\d+[.\w-]*$/.test(text) },
  machine: { expected: '"0" or "0/lxd/1"', fits: isMachineId },
  secret: { expected: '"secret:" and 20 letters and digits', fits: looksLikeSecretId },
  endpoint: { expected: "the name of an endpoint", fits: isEndpointName },
  revision: { expected: "a number, 1 or more", fits: (text) => /^[1-9]\d{0,8}$/.test(text) },
  action: { expected: "the id of an action", fits: () => true },
  storage: { expected: '"storage/number"', fits: isStorageId },
} as const satisfies Record<string, Grammar>;

/** A relation of this endpoint, as the tools name it. */
export const relationOf = (endpoint: string): Grammar => ({
  expected: `"${endpoint}:number"`,
  fits: (text) =>
    text.startsWith(`${endpoint}:`) && /^(?:0|[1-9]\d{0,8})$/.test(text.slice(endpoint.length + 1)),
});

/** The program was started by something else than a unit agent: a variable is not there, or says what no agent would. */
export class NotADispatch extends Error {
  override readonly name = "NotADispatch";
  readonly variable: string;
  readonly expected: string;
  /** Undefined if it is not set. */
  readonly found: string | undefined;

  constructor(variable: string, expected: string, found: string | undefined) {
    const is = found === undefined ? "is not set" : `is ${JSON.stringify(found.slice(0, 200))}`;
    super(
      `Cannot dispatch: ${variable} ${is}, expected ${expected}; a charm's program is started by its unit agent, through "dispatch"`,
    );
    this.variable = variable;
    this.expected = expected;
    this.found = found;
  }
}

/** The variables of an environment, each checked as it is read. An agent leaves empty what it has nothing for. */
export class Variables {
  readonly #env: Environment;

  constructor(env: Environment) {
    this.#env = env;
  }

  /** @throws NotADispatch */
  may(name: string, grammar: Grammar = grammars.text): string | undefined {
    const found = this.#env[name];
    if (found === undefined || found === "") return undefined;
    if (!grammar.fits(found)) throw new NotADispatch(name, grammar.expected, found);
    return found;
  }

  /** @throws NotADispatch */
  must(name: string, grammar: Grammar = grammars.text): string {
    const found = this.may(name, grammar);
    if (found === undefined) throw new NotADispatch(name, grammar.expected, this.#env[name]);
    return found;
  }
}
