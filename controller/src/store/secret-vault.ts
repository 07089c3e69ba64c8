/**
 * Contents of secrets, sealed: AES-256-GCM under a key per secret, which is sealed under the controller's key and
 * destroyed with the secret. Contents never enter events, logs or errors.
 */
import { createCipheriv, createDecipheriv, createHmac, randomBytes, randomUUID } from "node:crypto";
import type { DatabaseSync } from "node:sqlite";
import { transaction } from "./database.ts";

type Content = Record<string, string>;

export class SecretVault {
  readonly #db: DatabaseSync;
  readonly #controllerKey: Buffer;

  constructor(db: DatabaseSync, controllerKey: Buffer) {
    this.#db = db;
    this.#controllerKey = controllerKey;
  }

  /** Names and keyed digest of a content, before it is written: both go into the events, and betray nothing. */
  describe(content: Content): { contentId: string; checksum: string } {
    const canonical = JSON.stringify(Object.entries(content).sort(([a], [b]) => (a < b ? -1 : 1)));
    return {
      contentId: randomUUID(),
      checksum: createHmac("sha256", this.#controllerKey).update(canonical).digest("hex"),
    };
  }

  /** To be called within the transaction of the events that name `contentId`. */
  write(model: string, secret: string, contentId: string, content: Content): void {
    const sealed = seal(
      this.#keyOf(model, secret) ?? this.#newKey(model, secret),
      JSON.stringify(content),
      contentId,
    );
    this.#db
      .prepare("INSERT INTO secret_contents (content, model, secret, sealed) VALUES (?, ?, ?, ?)")
      .run(contentId, model, secret, sealed);
  }

  /** @throws Error when there is no such content or it was tampered with */
  read(model: string, contentId: string): Content {
    const row = this.#db
      .prepare("SELECT secret, sealed FROM secret_contents WHERE content = ? AND model = ?")
      .get(contentId, model);
    const key = row && this.#keyOf(model, String(row["secret"]));
    if (!row || !key) throw new Error(`secret content "${contentId}" not found`);
    return JSON.parse(unseal(key, Buffer.from(row["sealed"] as Uint8Array), contentId)) as Content;
  }

  /** Destroys what the model no longer names. */
  retain(model: string, secrets: ReadonlySet<string>, contents: ReadonlySet<string>): void {
    const deadContents = this.#names("content", "secret_contents", model).filter((id) => !contents.has(id));
    const deadSecrets = this.#names("secret", "secret_keys", model).filter((id) => !secrets.has(id));
    if (deadContents.length + deadSecrets.length === 0) return;
    transaction(this.#db, () => {
      for (const id of deadContents)
        this.#db.prepare("DELETE FROM secret_contents WHERE content = ?").run(id);
      for (const id of deadSecrets)
        this.#db.prepare("DELETE FROM secret_keys WHERE model = ? AND secret = ?").run(model, id);
    });
  }

  #names(column: string, table: string, model: string): string[] {
    return this.#db
      .prepare(`SELECT ${column} AS name FROM ${table} WHERE model = ?`)
      .all(model)
      .map((row) => String(row["name"]));
  }

  #keyOf(model: string, secret: string): Buffer | undefined {
    const row = this.#db
      .prepare("SELECT wrapped FROM secret_keys WHERE model = ? AND secret = ?")
      .get(model, secret);
    return (
      row &&
      Buffer.from(unseal(this.#controllerKey, Buffer.from(row["wrapped"] as Uint8Array), secret), "base64")
    );
  }

  #newKey(model: string, secret: string): Buffer {
    const key = randomBytes(32);
    const wrapped = seal(this.#controllerKey, key.toString("base64"), secret);
    this.#db
      .prepare("INSERT INTO secret_keys (model, secret, wrapped) VALUES (?, ?, ?)")
      .run(model, secret, wrapped);
    return key;
  }
}

/** nonce (12) | tag (16) | ciphertext; `subject` is authenticated, so that rows cannot be swapped. */
export function seal(key: Buffer, text: string, subject: string): Buffer {
  const nonce = randomBytes(12);
  const cipher = createCipheriv("aes-256-gcm", key, nonce).setAAD(Buffer.from(subject));
  const body = Buffer.concat([cipher.update(text, "utf8"), cipher.final()]);
  return Buffer.concat([nonce, cipher.getAuthTag(), body]);
}

export function unseal(key: Buffer, sealed: Buffer, subject: string): string {
  const decipher = createDecipheriv("aes-256-gcm", key, sealed.subarray(0, 12)).setAAD(Buffer.from(subject));
  decipher.setAuthTag(sealed.subarray(12, 28));
  return Buffer.concat([decipher.update(sealed.subarray(28)), decipher.final()]).toString("utf8");
}
