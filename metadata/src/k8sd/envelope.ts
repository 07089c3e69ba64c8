/** The envelope around every answer of k8sd, and the codes in it that callers decide by. */
export interface SuccessEnvelope<T> {
  type: "sync";
  status: "Success";
  status_code: 200;
  operation: "";
  error_code: 0;
  error: "";
  metadata: T;
}
export interface ErrorEnvelope {
  type: "error";
  status: "";
  status_code: 0;
  operation: "";
  error_code: number;
  error: string;
  metadata: null;
}
export type Envelope<T> = SuccessEnvelope<T> | ErrorEnvelope;

export const success = <T>(metadata: T): SuccessEnvelope<T> => ({
  type: "sync",
  status: "Success",
  status_code: 200,
  operation: "",
  error_code: 0,
  error: "",
  metadata,
});
export const failure = (error_code: number, error: string): ErrorEnvelope => ({
  type: "error",
  status: "",
  status_code: 0,
  operation: "",
  error_code,
  error,
  metadata: null,
});

/** HTTP status of a join for a node that is part of the cluster already. */
export const NODE_IN_USE = 521;
/** Error text (503) before bootstrap or join; any other failure does not mean "not bootstrapped". */
export const NOT_INITIALIZED = "daemon not yet initialized";
/** Error text (400) of a second bootstrap. */
export const ALREADY_BOOTSTRAPPED = "cluster is already bootstrapped";

/** True only for the one answer that says that this node belongs to no cluster. */
export const isNotInitialized = (code: number, error: string): boolean =>
  code === 503 && error.toLowerCase() === NOT_INITIALIZED;

/** The root-only control socket of the daemon. */
export const CONTROL_SOCKET = "/var/snap/k8s/common/var/lib/k8sd/state/control.socket";
export const K8SD_PORT = 6400;
