/**
 * The charm framework. Start at `main` and `Charm`; `Model` is what a charm sees of Juju, `reconcile` how it works.
 * Never keeps what Juju or the machine can be asked for, never touches the machine itself, knows nothing of Kubernetes.
 */
export { main } from "./main.ts";
export type {
  ActionParams,
  CharmTypes,
  Config,
  ConfigOf,
  ConfigValue,
  NameOf,
  ParamsOf,
} from "./charm-types.ts";
export { Charm, type CharmClass } from "./framework/charm.ts";
export { CharmEvents, type RelationEvents, type StorageEvents } from "./framework/charm-events.ts";
export { Framework, type Handler } from "./framework/framework.ts";
export {
  ActionEvent,
  type ActionResults,
  CollectStatusEvent,
  DataEvent,
  EventSource,
  HookEvent,
  NotDeferrable,
  RelationEvent,
  SecretEvent,
  StorageEvent,
} from "./framework/events.ts";
export { UnendedWork } from "./framework/open-work.ts";
export { ResultKeyError } from "./framework/results.ts";
export type { DispatchContext, RelationContext } from "./framework/context.ts";
export { NotADispatch } from "./framework/environment.ts";
export type { CharmDefinition } from "./framework/definition.ts";
export type { Json, StoredState } from "./framework/stored.ts";
export { Application } from "./model/application.ts";
export { Model } from "./model/model.ts";
export type { Binding, NetworkInterface } from "./model/network.ts";
export { Relation } from "./model/relation.ts";
export { Secret, type SecretContent } from "./model/secret.ts";
export { StorageInstance } from "./model/storage.ts";
export { Unit } from "./model/unit.ts";
export { Endpoint, type ReadBag, type Side } from "./endpoint.ts";
export {
  type Field,
  FieldError,
  type Fields,
  type OptionalField,
  type ValuesOf,
  boolean,
  integer,
  json,
  oneOf,
  optional,
  text,
} from "./fields.ts";
export type { Parse } from "./load.ts";
export type { Log, LogLevel } from "./log/log.ts";
export {
  type Outcome,
  type ReconcileOptions,
  type ReconcileResult,
  type Step,
  type Track,
  type TrackResult,
  blocked,
  done,
  reconcile,
  wait,
} from "./reconcile.ts";
export {
  EndDispatch,
  NotLeader,
  PermissionDenied,
  RelationAccessError,
  RelationNotFound,
  RelationTypeError,
  SecretContentError,
  SecretNotFound,
  ToolError,
  UnknownName,
} from "./errors.ts";
export type {
  RotatePolicy,
  SecretInfo,
  SecretOptions,
  SettableStatus,
  Status,
  StatusReport,
} from "./tools/types.ts";
export type { ToolCall, ToolResult, ToolRunner } from "./tools/runner.ts";
export { HookTools } from "./tools/tools.ts";
export { processTools } from "./tools/process.ts";
