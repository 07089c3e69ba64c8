/**
 * The agent's connection to its controller. It comes back by itself; a call made while the controller is away waits, and
 * one that was under way is sent again: every method of the facade may be repeated.
 */
import { get } from "node:https";
import type { IncomingMessage } from "node:http";
import { WebSocket, type ClientOptions } from "ws";
import type { AgentConfig } from "../api/agent-protocol.ts";
import { machineTag } from "./tags.ts";

/** An answer that says no: sending it again would not help. */
export class RemoteError extends Error {
  override readonly name = "RemoteError";
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

/** The controller did not come back in time. */
export class ControllerAway extends Error {
  override readonly name = "ControllerAway";
}

interface Call {
  readonly text: (id: number) => string;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

export interface LinkOptions {
  readonly config: AgentConfig;
  /** after each login */
  readonly onConnect: () => void;
  readonly onTrouble: (message: string) => void;
}

const loginId = 1;
const silenceMs = 20_000;
const longestPauseMs = 2_000;

export class Link {
  readonly #options: LinkOptions;
  readonly #calls = new Map<number, Call>();
  #socket: WebSocket | undefined;
  #ready = false;
  #nextId = loginId + 1;
  #failures = 0;
  /** index of the address in use */
  #address = 0;
  #watchdog: NodeJS.Timeout | undefined;
  #closed = false;
  #localAddress: string | undefined;

  constructor(options: LinkOptions) {
    this.#options = options;
  }

  /** The machine's address on the way to the controller; those of charms' own networks are none of its. */
  get localAddresses(): string[] {
    const address = this.#localAddress?.replace(/^::ffff:/, "");
    return address && !address.startsWith("127.") && address !== "::1" ? [address] : [];
  }

  open(): void {
    const { config } = this.#options;
    const address = this.#currentAddress();
    // The name is constant, so that a controller whose address changes is still recognised.
    const options: ClientOptions & { servername: string } = {
      ca: config.caCert,
      servername: "juju-apiserver",
      handshakeTimeout: 10_000,
      perMessageDeflate: false,
      maxPayload: 64 << 20,
    };
    const socket = new WebSocket(`wss://${address}/model/${config.modelUuid}/api`, options);
    socket.on("upgrade", ({ socket: stream }) => (this.#localAddress = stream.localAddress));
    this.#socket = socket;
    socket.on("open", () => socket.send(this.#loginText()));
    socket.on("message", (data: Buffer) => this.#receive(socket, data.toString()));
    socket.on("ping", () => this.#heard());
    socket.on("error", (error) =>
      this.#options.onTrouble(`cannot use the controller at ${address}: ${error.message}`),
    );
    socket.on("close", () => this.#lost(socket));
    this.#heard();
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#watchdog);
    this.#socket?.close();
  }

  /** @throws RemoteError | ControllerAway */
  call<T>(
    method: string,
    params: object = {},
    { timeoutMs = Infinity }: { timeoutMs?: number } = {},
  ): Promise<T> {
    const id = this.#nextId++;
    const text = (n: number) =>
      JSON.stringify({ "request-id": n, type: "Agent", version: 1, request: method, params });
    return new Promise<T>((resolve, reject) => {
      const timer =
        timeoutMs === Infinity ? undefined : setTimeout(() => this.#giveUp(id, method, timeoutMs), timeoutMs);
      const settle =
        <V>(finish: (value: V) => void) =>
        (value: V) => {
          clearTimeout(timer);
          this.#calls.delete(id);
          finish(value);
        };
      this.#calls.set(id, { text, resolve: settle(resolve as (v: unknown) => void), reject: settle(reject) });
      if (this.#ready) this.#socket?.send(text(id));
    });
  }

  /** A blob of the model, as a stream that may break off. */
  async download(sha256: string): Promise<IncomingMessage> {
    const { config } = this.#options;
    const address = this.#currentAddress();
    const auth = `${machineTag(config.machine)}:${config.password}`;
    const url = `https://${address}/model/${config.modelUuid}/blobs/${sha256}`;
    return new Promise((resolve, reject) => {
      const request = get(
        url,
        { ca: config.caCert, servername: "juju-apiserver", auth, timeout: 60_000, agent: false },
        (response) => {
          if (response.statusCode === 200) return resolve(response);
          response.resume();
          reject(
            new Error(
              `cannot download ${sha256} from ${address}: the controller answered ${response.statusCode}`,
            ),
          );
        },
      );
      request.on("timeout", () => request.destroy(new Error(`no data from ${address} for 60 s`)));
      request.on("error", reject);
    });
  }

  #currentAddress(): string {
    const { addresses } = this.#options.config;
    return addresses[this.#address % addresses.length] ?? "";
  }

  #loginText(): string {
    const { config } = this.#options;
    const params = {
      "auth-tag": machineTag(config.machine),
      credentials: config.password,
      nonce: config.nonce,
    };
    return JSON.stringify({ "request-id": loginId, type: "Admin", version: 3, request: "Login", params });
  }

  #receive(socket: WebSocket, text: string): void {
    this.#heard();
    const answer = JSON.parse(text) as {
      "request-id": number;
      error?: string;
      "error-code"?: string;
      response: unknown;
    };
    const failure =
      answer.error === undefined ? undefined : new RemoteError(answer["error-code"] ?? "", answer.error);
    if (answer["request-id"] === loginId) return this.#loggedIn(socket, failure);
    const call = this.#calls.get(answer["request-id"]);
    if (failure) call?.reject(failure);
    else call?.resolve(answer.response);
  }

  #loggedIn(socket: WebSocket, failure: RemoteError | undefined): void {
    if (failure) {
      this.#options.onTrouble(`the controller refuses this machine: ${failure.message}`);
      return socket.close();
    }
    this.#ready = true;
    this.#failures = 0;
    this.#options.onConnect();
    for (const [id, { text }] of this.#calls) socket.send(text(id));
  }

  #lost(socket: WebSocket): void {
    if (this.#socket !== socket) return;
    // A connection that worked is tried again at the same address first.
    if (!this.#ready) this.#address += 1;
    this.#ready = false;
    this.#failures += 1;
    clearTimeout(this.#watchdog);
    if (this.#closed) return;
    const pause = Math.min(50 * 2 ** Math.min(this.#failures, 6), longestPauseMs);
    setTimeout(() => this.#closed || this.open(), pause * (0.5 + Math.random() / 2));
  }

  /** A controller that is frozen or gone without a word is left after a while. */
  #heard(): void {
    clearTimeout(this.#watchdog);
    const socket = this.#socket;
    this.#watchdog = setTimeout(() => socket?.terminate(), silenceMs).unref();
  }

  #giveUp(id: number, method: string, timeoutMs: number): void {
    const waited = Math.round(timeoutMs / 1000);
    this.#calls
      .get(id)
      ?.reject(new ControllerAway(`waited ${waited} s for the controller to answer ${method}: it is away`));
  }
}
