/**
 * The `cantrip` command and the files of its user. Start at program.ts; a command is a module of `commands/`, loaded when it runs.
 * Never touches the model but through the API, never needs root.
 */
export { buildProgram, runProgram } from "./program.ts";
export type { ProgramOptions } from "./program.ts";
export { clientDirectory, forgetController, writeClientFiles } from "./client-files.ts";
export type { ClientFilesInput, Owner } from "./client-files.ts";
export { CommandError, UsageError } from "./errors.ts";
export type { Io } from "./io.ts";
