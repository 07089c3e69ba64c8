/** Passwords of users (by scrypt) and of machine agents (random, so a salted digest is enough), and who has them. */
import { createHash, createHmac, randomBytes, scrypt, timingSafeEqual } from "node:crypto";
import type { DatabaseSync } from "node:sqlite";
import { promisify } from "node:util";
import { ApiError } from "../facade.ts";
import type { Account } from "../models.ts";

const derive = promisify<string, Buffer, number, Buffer>(scrypt);

export class Accounts {
  readonly #db: DatabaseSync;
  /** digests of passwords that were right before: a command logs in each time, and scrypt is slow on purpose */
  readonly #known = new Map<string, string>();
  readonly #sessionKey = randomBytes(32);

  constructor(db: DatabaseSync) {
    this.#db = db;
  }

  async setPassword(tag: string, password: string): Promise<void> {
    if (!/^user-[a-zA-Z0-9][a-zA-Z0-9.+-]*$/.test(tag))
      throw new ApiError("bad request", `"${tag}" is not a valid user tag`);
    if (password === "") throw new ApiError("bad request", `cannot set an empty password for "${tag}"`);
    const salt = randomBytes(16);
    this.#save("", tag, salt, await derive(password, salt, 32), "");
    this.#known.delete(tag);
  }

  hasUser(tag: string): boolean {
    return this.#find("", tag) !== undefined;
  }

  /** @returns the password that only the machine will know */
  createMachine(model: string, machine: string, nonce: string): string {
    const [salt, password] = [randomBytes(16), randomBytes(24).toString("base64url")];
    this.#save(model, machineTag(machine), salt, digest(salt, password), nonce);
    return password;
  }

  removeMachine(model: string, machine: string): void {
    this.#db.prepare("DELETE FROM accounts WHERE model = ? AND tag = ?").run(model, machineTag(machine));
  }

  async authenticate(
    tag: string,
    password: string,
    { nonce, modelUuid }: { nonce?: string; modelUuid?: string },
  ): Promise<Account | undefined> {
    if (password === "") return undefined;
    if (tag.startsWith("machine-"))
      return modelUuid === undefined ? undefined : this.#machine(modelUuid, tag, password, nonce);
    return this.#user(tag.replace(/@local$/, ""), password);
  }

  async #user(tag: string, password: string): Promise<Account | undefined> {
    const row = this.#find("", tag);
    if (!row) return undefined;
    const session = createHmac("sha256", this.#sessionKey).update(`${tag}\0${password}`).digest("hex");
    const right =
      this.#known.get(tag) === session || timingSafeEqual(await derive(password, row.salt, 32), row.hash);
    if (!right) return undefined;
    this.#known.set(tag, session);
    return { tag, kind: "user", displayName: tag.slice("user-".length) };
  }

  #machine(modelUuid: string, tag: string, password: string, nonce: string | undefined): Account | undefined {
    const row = this.#find(modelUuid, tag);
    if (!row || !timingSafeEqual(digest(row.salt, password), row.hash)) return undefined;
    if (nonce !== undefined && nonce !== row.nonce) return undefined;
    return { tag, kind: "machine", displayName: tag, modelUuid };
  }

  #find(model: string, tag: string): { salt: Buffer; hash: Buffer; nonce: string } | undefined {
    const row = this.#db
      .prepare("SELECT salt, hash, nonce FROM accounts WHERE model = ? AND tag = ?")
      .get(model, tag);
    if (!row) return undefined;
    return {
      salt: Buffer.from(row["salt"] as Uint8Array),
      hash: Buffer.from(row["hash"] as Uint8Array),
      nonce: String(row["nonce"]),
    };
  }

  #save(model: string, tag: string, salt: Buffer, hash: Buffer, nonce: string): void {
    const sql = "INSERT OR REPLACE INTO accounts (model, tag, salt, hash, nonce) VALUES (?, ?, ?, ?, ?)";
    this.#db.prepare(sql).run(model, tag, salt, hash, nonce);
  }
}

export function machineTag(machine: string): string {
  return `machine-${machine.replaceAll("/", "-")}`;
}

function digest(salt: Buffer, password: string): Buffer {
  return createHash("sha256").update(salt).update(password).digest();
}
