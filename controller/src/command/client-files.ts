/**
 * The client's files, in Juju's formats (juju-api.md 1.5): which controllers there are, who we are there, which models.
 * Several controllers share one directory; everything that is not ours is kept as it is.
 */
import {
  chownSync,
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  readdirSync,
  renameSync,
  statSync,
  rmSync,
  rmdirSync,
  writeFileSync,
} from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { readYaml, writeYaml } from "@cantrip/metadata";
import { CommandError } from "./errors.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** `$CANTRIP_DATA`, else `$JUJU_DATA`, else `$XDG_DATA_HOME/cantrip`, else `~/.local/share/cantrip`. */
export function clientDirectory(env: Environment): string {
  const { CANTRIP_DATA, JUJU_DATA, XDG_DATA_HOME, HOME } = env;
  if (CANTRIP_DATA) return CANTRIP_DATA;
  if (JUJU_DATA) return JUJU_DATA;
  return XDG_DATA_HOME
    ? join(XDG_DATA_HOME, "cantrip")
    : join(HOME || homedir(), ".local", "share", "cantrip");
}

export interface ControllerEntry {
  uuid: string;
  "api-endpoints": string[];
  "ca-cert": string;
  cloud: string;
  region?: string;
  type: string;
  "agent-version"?: string;
  [key: string]: unknown;
}
export interface ControllersFile {
  controllers: Record<string, ControllerEntry>;
  "current-controller"?: string;
}
export interface AccountEntry {
  user: string;
  password?: string;
  "last-known-access"?: string;
}
export interface AccountsFile {
  controllers: Record<string, AccountEntry>;
}
export interface ModelEntry {
  uuid: string;
  type: string;
  branch: string;
}
export interface ModelsFile {
  controllers: Record<string, { models: Record<string, ModelEntry>; "current-model"?: string }>;
}

export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

export class ClientFiles {
  readonly directory: string;
  readonly #owner: Owner | undefined;

  constructor(directory: string, owner?: Owner) {
    this.directory = directory;
    this.#owner = owner;
  }

  controllers(): ControllersFile {
    return this.#read("controllers.yaml") as ControllersFile;
  }
  accounts(): AccountsFile {
    return this.#read("accounts.yaml") as AccountsFile;
  }
  models(): ModelsFile {
    return this.#read("models.yaml") as ModelsFile;
  }

  saveControllers(file: ControllersFile): void {
    this.write("controllers.yaml", writeYaml(file));
  }
  saveAccounts(file: AccountsFile): void {
    this.write("accounts.yaml", writeYaml(file));
  }
  saveModels(file: ModelsFile): void {
    this.write("models.yaml", writeYaml(file));
  }

  /** Whole or not at all, readable by its owner only. */
  write(name: string, text: string): void {
    const path = join(this.directory, name);
    this.ensureDirectory(dirname(path));
    const temporary = `${path}.${process.pid}.tmp`;
    const fd = openSync(temporary, "w", 0o600);
    try {
      writeFileSync(fd, text);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    this.#give(temporary, path);
    renameSync(temporary, path);
  }

  /** Also gives the directories that it has to make to the owner. */
  ensureDirectory(path: string): void {
    if (existsSync(path)) return;
    this.ensureDirectory(dirname(path));
    mkdirSync(path, { mode: 0o700 });
    this.#give(path, dirname(path));
  }

  has(name: string): boolean {
    return existsSync(join(this.directory, name));
  }

  /** Under sudo, what root writes into a person's directory stays the person's. */
  #give(path: string, like: string): void {
    if (process.getuid?.() !== 0) return;
    const { uid, gid } = this.#owner ?? statSync(existsSync(like) ? like : dirname(like));
    chownSync(path, uid, gid);
  }

  #read(name: string): { controllers: object } {
    const path = join(this.directory, name);
    const empty = { controllers: {} };
    if (!existsSync(path)) return empty;
    try {
      return { ...empty, ...(readYaml(path, readFileSync(path, "utf8")) as object | null) };
    } catch (cause) {
      throw new CommandError(`cannot read ${path}: ${(cause as Error).message}`, { cause });
    }
  }
}

export interface ClientFilesInput {
  readonly controllerName: string;
  readonly uuid: string;
  /** `host:port` */
  readonly endpoints: readonly string[];
  readonly caCert: string;
  readonly user: string;
  readonly password: string;
  /** name → uuid */
  readonly models?: Readonly<Record<string, string>>;
  readonly currentModel?: string;
  /** the key pair that the machines' user ubuntu accepts */
  readonly sshKey?: { readonly privateKey: string; readonly publicKey: string };
  readonly agentVersion?: string;
}

/** Makes a controller known to the client whose directory this is, as its current one; others there stay. */
export function writeClientFiles(directory: string, input: ClientFilesInput, owner?: Owner): void {
  const files = new ClientFiles(directory, owner);
  const { controllerName: name } = input;
  const controllers = files.controllers();
  controllers.controllers[name] = controllerEntry(input);
  files.saveControllers({ ...controllers, "current-controller": name });
  const accounts = files.accounts();
  accounts.controllers[name] = {
    user: input.user,
    password: input.password,
    "last-known-access": "superuser",
  };
  files.saveAccounts(accounts);
  writeModels(files, input);
  // python-libjuju reads it unconditionally
  if (!files.has(`cookies/${name}.json`)) files.write(`cookies/${name}.json`, "[]\n");
  if (input.sshKey) {
    files.write("ssh/juju_id_rsa", input.sshKey.privateKey);
    files.write("ssh/juju_id_rsa.pub", input.sshKey.publicKey);
  }
}

function controllerEntry({
  uuid,
  endpoints,
  caCert,
  agentVersion = "3.6.11",
}: ClientFilesInput): ControllerEntry {
  return {
    uuid,
    "api-endpoints": [...endpoints],
    "ca-cert": caCert,
    cloud: "local",
    region: "default",
    type: "manual",
    "agent-version": agentVersion,
    "controller-machine-count": 1,
    "active-controller-machine-count": 0,
  };
}

function writeModels(
  files: ClientFiles,
  { controllerName, user, models = {}, currentModel }: ClientFilesInput,
): void {
  const file = files.models();
  const known = file.controllers[controllerName] ?? { models: {} };
  const named = Object.entries(models).map(([name, uuid]) => [
    qualified(user, name),
    { uuid, type: "iaas", branch: "" },
  ]);
  const current = currentModel === undefined ? known["current-model"] : qualified(user, currentModel);
  file.controllers[controllerName] = {
    models: { ...known.models, ...(Object.fromEntries(named) as Record<string, ModelEntry>) },
    ...(current === undefined ? {} : { "current-model": current }),
  };
  files.saveModels(file);
}

/** Model names carry their owner in these files. */
export const qualified = (user: string, model: string): string =>
  model.includes("/") ? model : `${user}/${model}`;

/** Removes a controller from the client's files; others there stay. Does nothing if it is not known. */
export function forgetController(directory: string, name: string, owner?: Owner): void {
  if (!existsSync(directory)) return;
  const files = new ClientFiles(directory, owner);
  const { "current-controller": current, ...controllers } = files.controllers();
  const [accounts, models] = [files.accounts(), files.models()];
  for (const { controllers: known } of [controllers, accounts, models]) delete known[name];
  const next = current === name ? Object.keys(controllers.controllers)[0] : current;
  files.saveControllers({ ...controllers, ...(next === undefined ? {} : { "current-controller": next }) });
  files.saveAccounts(accounts);
  files.saveModels(models);
  rmSync(join(directory, "cookies", `${name}.json`), { force: true });
  if (next !== undefined) return;
  // The last one: nothing is left that these files could say.
  for (const file of ["controllers.yaml", "accounts.yaml", "models.yaml", "ssh", "cookies"])
    rmSync(join(directory, file), { recursive: true, force: true });
  if (readdirSync(directory).length === 0) rmdirSync(directory);
}
